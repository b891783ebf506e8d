// Opens the page of `orchestrator stats --html` in a real browser, in light and dark, narrow and wide, and fails unless it can be read there and asks
// nothing of anybody. `cargo xtask report` runs it: report.mjs PAGE PICTURE [BROWSER].
import { chromium } from "playwright-core";
import { pathToFileURL } from "node:url";

const [page, picture, browser = "/usr/bin/chromium"] = process.argv.slice(2);
const address = pathToFileURL(page).href;
const LEAST_CONTRAST = 4.5; // WCAG 2.2, 1.4.3 (AA), for text of usual size.
const findings = [];

// What a reader would stumble over; runs inside the page.
function look(leastContrast) {
  const found = [];
  const wide = document.documentElement.scrollWidth;
  if (wide > window.innerWidth) found.push(`the page is ${wide} pixels wide, the window ${window.innerWidth}`);
  const numbers = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [red, green, blue] = numbers(color).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (numbers(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  let texts = 0;
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest("svg") || element.getClientRects().length === 0) continue;
    texts += 1;
    const [one, other] = [luminance(getComputedStyle(element).color), luminance(behind(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const text = element.textContent.trim().slice(0, 40);
    if (contrast < leastContrast) found.push(`"${text}" has a contrast of ${contrast.toFixed(2)}`);
    if (parseFloat(getComputedStyle(element).fontSize) < 11) found.push(`"${text}" is too small`);
    const box = element.getBoundingClientRect();
    const scrolls = element.closest(".wide");
    if (!scrolls && (box.right > window.innerWidth + 1 || box.left < -1)) found.push(`"${text}" leaves the window`);
  }
  const plots = [...document.querySelectorAll("svg")];
  for (const plot of plots) {
    const { width, height } = plot.getBoundingClientRect();
    if (width < 40 || height < 4) found.push(`a plot is ${width} by ${height} pixels`);
  }
  for (const closed of document.querySelectorAll("details:not([open])")) closed.open = true;
  const after = document.documentElement.scrollWidth;
  if (after > window.innerWidth) found.push(`with its tables open the page is ${after} pixels wide`);
  for (const opened of document.querySelectorAll("details")) opened.open = false;
  return { found, texts, plots: plots.length, background: getComputedStyle(document.body).backgroundColor };
}

const opened = await chromium.launch({
  executablePath: browser,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const backgrounds = {};
for (const scheme of ["light", "dark"]) {
  for (const width of [400, 1600]) {
    const context = await opened.newContext({ viewport: { width, height: 1000 }, colorScheme: scheme });
    const tab = await context.newPage();
    const asked = [];
    tab.on("request", (request) => asked.push(request.url()));
    tab.on("console", (message) => findings.push(`${scheme} ${width}: the console says: ${message.text()}`));
    tab.on("pageerror", (error) => findings.push(`${scheme} ${width}: ${error}`));
    await tab.goto(address);
    await tab.waitForLoadState("networkidle");
    const seen = await tab.evaluate(look, LEAST_CONTRAST);
    findings.push(...seen.found.map((what) => `${scheme} ${width}: ${what}`));
    const outside = asked.filter((url) => url !== address);
    findings.push(...outside.map((url) => `${scheme} ${width}: it asks for ${url}`));
    backgrounds[scheme] = seen.background;
    await tab.screenshot({ path: `report-${scheme}-${width}.png`, fullPage: true });
    if (scheme === "light" && width === 1600) await tab.screenshot({ path: picture, fullPage: true });
    console.log(`${scheme} ${width}: ${seen.texts} texts, ${seen.plots} plots, ${asked.length} request (the file)`);
    if (seen.texts < 20 || seen.plots < 8) findings.push(`${scheme} ${width}: there is almost nothing on it`);
    await context.close();
  }
}
await opened.close();
if (backgrounds.light === backgrounds.dark) findings.push("light and dark are the same");
for (const finding of findings) console.error(finding);
console.log(`report: ${findings.length} findings`);
process.exit(findings.length === 0 ? 0 : 1);
