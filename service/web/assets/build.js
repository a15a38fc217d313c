// Copies the built files of the packages that package.json pins into static/vendor, with their
// licences, and writes vendor.toml anew. The same packages always give the same bytes.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const vendor = join(here, "..", "static", "vendor");
const files = [
  { name: "htmx.min.js", package: "htmx.org", path: "dist/htmx.min.js" },
  { name: "hx-sse.min.js", package: "htmx.org", path: "dist/ext/hx-sse.min.js" },
];

rmSync(vendor, { recursive: true, force: true });
mkdirSync(join(vendor, "licenses"), { recursive: true });
let listed = "# Written by service/web/assets/build.js; a test compares every file with its sha256.\n";
for (const file of files) {
  const folder = join(here, "node_modules", file.package);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json")));
  copyFileSync(join(folder, file.path), join(vendor, file.name));
  copyFileSync(join(folder, "LICENSE"), join(vendor, "licenses", `${file.package}.txt`));
  const sha256 = createHash("sha256").update(readFileSync(join(vendor, file.name))).digest("hex");
  const fields = { package: file.package, version, license, path: file.path, sha256 };
  listed += `\n["${file.name}"]\n`;
  for (const [key, value] of Object.entries(fields)) listed += `${key} = "${value}"\n`;
}
writeFileSync(join(vendor, "vendor.toml"), listed);
