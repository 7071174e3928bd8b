// Builds the two scripts of the shopper's page. The same sources give the same bytes.
// Usage: node build.mjs [folder]
import { build } from "esbuild";

const common = {
  absWorkingDir: new URL(".", import.meta.url).pathname,
  bundle: true,
  minify: true,
  format: "iife",
  charset: "utf8",
  legalComments: "none",
  target: ["chrome67", "safari14"],
  // Safari 14.0 fails on a corner of destructuring that is not used here.
  supported: { destructuring: true },
  define: { globalThis: "self" },
  outdir: process.argv[2] ?? new URL("../cropmark_trace/static", import.meta.url).pathname,
};

const js = "/*! Cropmark, Apache-2.0; with noble-ed25519 and noble-hashes, MIT License, (c) Paul Miller (paulmillr.com) */";
await build({ ...common, entryPoints: { verify: "src/main.js" }, inject: ["src/hasown.js"], banner: { js } });
await build({ ...common, entryPoints: { page: "src/page.js" } });
