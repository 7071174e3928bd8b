// Build the two scripts that the page loads. The same sources give the same bytes; a test proves it.
import { build } from "esbuild";

const common = {
  bundle: true,
  minify: true,
  charset: "utf8",
  legalComments: "none",
  target: ["chrome67", "safari14"],
  format: "iife",
  logLevel: "warning",
};

await build({ ...common, entryPoints: ["src/worker.js"], outfile: "../cropmark_trace/static/verify.js" });
await build({ ...common, entryPoints: ["src/page.js"], outfile: "../cropmark_trace/static/page.js" });
