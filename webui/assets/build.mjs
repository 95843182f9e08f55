// Builds styles, scripts and the icon sprite into ../static/dist with hashed names and a manifest.
// Run: node build.mjs (after npm ci). No network, no host names in what it writes.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "static", "dist");

const written = {};

async function put(name, extension, body) {
  const bytes = Buffer.from(body);
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const file = `${name}-${hash}.${extension}`;
  await writeFile(join(out, file), bytes);
  // Compressed once here, so that the server only has to choose.
  await writeFile(join(out, `${file}.gz`), gzipSync(bytes, { level: 9 }));
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
  await writeFile(join(out, `${file}.br`), brotliCompressSync(bytes, quality));
  written[`${name}.${extension}`] = file;
}

async function bundle(name, entry, extension, options = {}) {
  const result = await build({
    entryPoints: [join(here, "src", entry)],
    absWorkingDir: here,
    bundle: true,
    minify: true,
    write: false,
    target: ["es2022", "chrome115", "firefox115", "safari16.4"],
    legalComments: "eof",
    logLevel: "warning",
    ...options,
  });
  await put(name, extension, result.outputFiles[0].contents);
}

async function sprite() {
  const names = JSON.parse(await readFile(join(here, "src", "icons.json"), "utf8"));
  const folder = join(here, "node_modules", "@tabler", "icons", "icons", "outline");
  const symbols = [];
  for (const name of [...new Set(names)].sort()) {
    const svg = await readFile(join(folder, `${name}.svg`), "utf8");
    const inner = svg.replace(/<!--[\s\S]*?-->/g, "").replace(/^[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "");
    const drawn = inner.replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*\/>/, "").replace(/\s+/g, " ").trim();
    symbols.push(
      `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${drawn}</symbol>`,
    );
  }
  await put("icons", "svg", `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`);
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await bundle("app", "app.js", "js", { format: "iife" });
await bundle("theme", "theme.js", "js", { format: "iife" });
await bundle("app", "app.css", "css");
await bundle("app.rtl", "app.rtl.css", "css");
await sprite();
await writeFile(join(out, "manifest.json"), JSON.stringify(written, null, 2) + "\n");
