// Unpacks the Chromium, its libraries and its fonts that @sparticuz/chromium carries into node_modules/.unpacked, and writes
// a `chromium` there that starts it with them: the package itself unpacks to the shared temporary folder, and only for one cloud.
import { createReadStream, createWriteStream, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { extract } from "tar-fs";

const from = new URL("node_modules/@sparticuz/chromium/bin/", import.meta.url).pathname;
const to = new URL("node_modules/.unpacked", import.meta.url).pathname;
const draft = `${to}.draft`;

const unpack = (name, target) => pipeline(createReadStream(from + name), createBrotliDecompress(), target);

rmSync(to, { recursive: true, force: true });
rmSync(draft, { recursive: true, force: true });
mkdirSync(draft, { recursive: true });
await unpack("chromium.br", createWriteStream(`${draft}/headless_shell`, { mode: 0o755 }));
await unpack("swiftshader.tar.br", extract(draft));
await unpack("al2023.tar.br", extract(`${draft}/libraries`));
await unpack("fonts.tar.br", extract(`${draft}/fonts`));
writeFileSync(
  `${draft}/fonts/fonts.conf`,
  `<?xml version="1.0"?><fontconfig><dir>${to}/fonts/fonts</dir><cachedir>${to}/fonts/cache</cachedir></fontconfig>\n`,
);
writeFileSync(
  `${draft}/chromium`,
  `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
export LD_LIBRARY_PATH="$here/libraries/lib:$LD_LIBRARY_PATH"
[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_PATH="$here/fonts"
exec "$here/headless_shell" "$@"
`,
  { mode: 0o755 },
);
renameSync(draft, to);
