// Copies the chart library as its makers built it into the package, with its licence in front.
// Usage: node build.mjs [folder]
import { readFileSync, writeFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const source = new URL("./node_modules/uplot/", import.meta.url);
const target = process.argv[2] ?? new URL("../cropmark_dashboards/static", import.meta.url).pathname;
const read = (name) => readFileSync(new URL(name, source), "utf8");

const licence = read("LICENSE").trim();
mkdirSync(target, { recursive: true });
writeFileSync(join(target, "uplot.js"), `/*!\n${licence}\n*/\n${read("dist/uPlot.iife.min.js").trim()}\n`);
writeFileSync(join(target, "uplot.css"), `/*!\n${licence}\n*/\n${read("dist/uPlot.min.css").trim()}\n`);
