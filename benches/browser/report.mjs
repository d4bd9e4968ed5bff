// Writes the figures as Markdown and as an SVG chart.
import { CANDIDATES } from "./bundle.mjs";
import { summary } from "./statistics.mjs";

/** The Markdown. `run`: what bench.mjs has measured. */
export function markdown(run, { chart } = {}) {
  const { machine, versions, method, sizes } = run;
  const parts = [
    "# Benchmark",
    `Written by \`npm run bench\`${method.quick ? " with `--quick`" : ""} on ${run.date}. Do not edit.`,
    chart && `![Bars: bytes, time to ready, and posts, for each candidate](${chart})`,
    "Each value is the median; the quartiles are in parentheses. **Noise** compares bare `fetch` with itself: a difference of that " +
      "size means nothing.",
    section("Bytes", bytes(sizes)),
    run.loads && section("Time from import to ready", loads(run), LOADS, apart(run, "loads")),
    run.posts && section("An authenticated POST", posts(run), POSTS(method), apart(run, "posts")),
    run.work && section("Work of the page for a POST", work(run), WORK(method), apart(run, "work")),
    run.calls &&
      section(`Growth over ${grouped(method.calls.count)} calls`, calls(run), CALLS(method), apart(run, "calls")),
    run.organizations &&
      section(
        `Growth from 1 to ${grouped(method.organizations.counts.at(-1))} organizations`,
        organizations(run),
        ORGS(method),
        apart(run, "organizations"),
      ),
    run.far && section(`An API ${method.far.delay} ms away`, far(run), FAR(method), apart(run, "far")),
    run.batch && section(`A batch of ${grouped(method.batch.count)}`, batch(run), BATCH(method), apart(run, "batch")),
    run.failures.length &&
      section("Not measured", run.failures.map((failure) => `- ${failure.replace(/[|<>]/g, " ")}`).join("\n")),
    section("Machine and versions", about(machine, versions)),
  ];
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

const LOADS =
  "Each load has a fresh browser context: no cache and no storage. *Import* begins with `import()`, so it has the download from " +
  "this machine and the compilation. *Evaluation* begins with the first statement of the bundle; ours then still fetches its " +
  "`.wasm`. Ready means that the next call can be a POST: the token is in memory. The servers send brotli. Heap: JavaScript's, " +
  "after garbage collection, less that of an empty page. The slower CPU is Chromium's own simulation " +
  "(`Emulation.setCPUThrottlingRate`), which slows the page's main thread only.";

const POSTS = ({ posts }) =>
  `${posts.count} posts in turn and ${posts.crowd} at once (HTTP/1.1, so six connections), each with the token of its organization, ` +
  "to another origin on this machine, which lets browsers keep the answer to a preflight for 10 minutes. × is the ratio to bare " +
  "`fetch` in the same page and the same round.";

const WORK = ({ work }) =>
  `${work.count} posts in turn, with \`fetch\` and \`XMLHttpRequest\` replaced by functions that answer at once. *Elapsed* is ` +
  "by `performance.now()`; it has the time in which the page waits for the browser, for example for a Web Lock. *CPU* is the " +
  "processor time of the page's main thread (`ThreadTime` of the DevTools protocol).";

const CALLS = ({ calls }) =>
  `The network is stubbed, and each call is for another agent. *Early* are the calls from 100 to ${grouped(calls.warm)}, *late* the ` +
  `last ones. *After warm-up*: growth over ${grouped(calls.count)} calls after the first ${grouped(calls.warm)}.`;

const ORGS = () =>
  "The network is stubbed. *Ready* is from evaluation to ready with that many tokens; *POST* is elapsed time for each. " +
  "msal-browser is left out where it would take hours: each token takes longer to store than the one before.";

const FAR = ({ far }) =>
  `Each answer of the API takes ${far.delay} ms longer. ${far.count} posts in turn in a fresh page, with \`Access-Control-Max-Age: 600\`.`;

const BATCH = ({ batch }) =>
  `\`startMany\` with ${batch.orgs} organizations and the network stubbed; bare \`fetch\` has a loop of six at a time. The longest ` +
  "block is the longest time by which a timer of 10 ms was late.";

/** Says so if the figure was measured in another run than the rest. */
function apart({ apart = {} }, figure) {
  const found = apart[figure];
  return found && `Measured in another run, on ${found.date}, with a load average of ${found.load.join(" to ")}.`;
}

function section(title, ...parts) {
  return [`## ${title}`, ...parts.reverse().filter(Boolean)].join("\n\n");
}

function bytes(sizes) {
  const rows = all(sizes).map(({ title, figures }) => [title, figures.raw, figures.gzip, figures.brotli].map(cell));
  return table(["what a page loads", "raw", "gzip 9", "brotli 11"], rows);
}

function loads({ loads, method }) {
  const columns = method.loads.rates.flatMap((rate) => [`imported${rate}`, `evaluated${rate}`]);
  const heads = method.loads.rates.flatMap((rate) => [
    `import → ready, ms, ${cpu(rate)}`,
    `evaluation → ready, ms, ${cpu(rate)}`,
  ]);
  const rows = all(loads).map(({ title, figures }) => [
    title,
    ...columns.map((name) => spread(figures[name])),
    kib(figures.heap),
    kib(figures.wasm),
  ]);
  const [full, slow] = method.loads.rates.map((rate) => ratio(loads, `imported${rate}`));
  const compared =
    `From import to ready, premium-recorder takes ${number(full)} × as long as platform-client-v2 with client-app-sdk` +
    (slow ? `, and ${number(slow)} × with the slower CPU.` : ".");
  return `${table(["", ...heads, "heap, KiB", "wasm, KiB"], rows)}\n\n${compared}`;
}

/** Ours to the pair of SDKs that a Premium App ships today. */
function ratio(byCandidate, figure) {
  return summary(byCandidate.ours[figure]).median / summary(byCandidate.pair[figure]).median;
}

function posts({ posts }) {
  const rows = all(posts).map(({ title, figures }) => [
    title,
    spread(figures.inTurn),
    spread(figures.inTurnRatio),
    spread(figures.atOnce),
    spread(figures.atOnceRatio),
  ]);
  return table(["", "one, ms", "one, ×", "all at once, ms", "all at once, ×"], rows);
}

function work({ work }) {
  const rows = all(work).map(({ title, figures }) => [title, spread(figures.elapsed), spread(figures.busy)]);
  return table(["", "elapsed, ms", "CPU, ms"], rows);
}

function calls({ calls }) {
  const rows = all(calls).map(({ title, figures }) => [
    title,
    spread(figures.early),
    spread(figures.late),
    spread(figures.earlyBusy),
    spread(figures.lateBusy),
    kib(figures.heapLoaded),
    kib(figures.heapEnd),
    kib(figures.heapWarmGrowth),
    kib(figures.wasmLoaded),
    kib(figures.wasmEnd),
    kib(figures.wasmWarmGrowth),
  ]);
  const memory = (what) => [`${what} after load, KiB`, "at the end", "after warm-up"];
  return table(
    ["", "early, ms", "late, ms", "early, CPU ms", "late, CPU ms", ...memory("heap"), ...memory("wasm")],
    rows,
  );
}

function organizations({ organizations, method }) {
  const { counts } = method.organizations;
  const columns = [
    ["ready", "ready, ms", spread],
    ["elapsed", "POST, ms", spread],
    ["heap", "heap, KiB", kib],
    ["wasm", "wasm, KiB", kib],
  ];
  const heads = columns.flatMap(([, title]) => counts.map((count) => `${title}, ${grouped(count)}`));
  const rows = all(organizations).map(({ title, figures }) => [
    title,
    ...columns.flatMap(([name, , shown]) => counts.map((count) => shown(figures[`${name}${count}`]))),
  ]);
  return table(["", ...heads], rows);
}

function far({ far }) {
  const rows = all(far).map(({ title, figures }) => [
    title,
    spread(figures.preflights),
    spread(figures.starts),
    spread(figures.total),
  ]);
  return table(["", "`OPTIONS`", "`POST`", "all, ms"], rows);
}

function batch({ batch }) {
  const rows = all(batch).map(({ title, figures }) => [title, spread(figures.total), spread(figures.longest)]);
  return table(["", "all, ms", "longest block, ms"], rows);
}

function about({ cores, model, memory, load, chromium, node, system }, versions) {
  const lines = [
    `${cores} cores (${model}), ${memory} GiB of memory, ${system}; the load average was ${load.join(" to ")}.`,
    `${chromium} (headless), Node ${node}; the servers run in the process of the benchmark.`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
  ];
  return lines.map((line) => `- ${line}`).join("\n");
}

const cpu = (rate) => (rate === 1 ? "full speed" : `CPU ${rate} × slower`);

/** The candidates of these figures in the order of CANDIDATES, and the noise. */
function all(byCandidate) {
  const rows = CANDIDATES.flatMap((candidate) => {
    const figures = byCandidate[candidate.name];
    return figures ? [{ ...candidate, figures }] : [];
  });
  const again = byCandidate["floor-again"];
  return again ? [...rows, { title: "*noise: bare `fetch` again*", figures: again }] : rows;
}

function table(heads, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(heads), line(heads.map((_, at) => (at ? "---:" : "---"))), ...rows.map(line)].join("\n");
}

function spread(values = []) {
  const found = summary(values);
  if (!found) return "–";
  const { median, low, high, count } = found;
  return count < 3 || low === high ? number(median) : `${number(median)} (${number(low)}–${number(high)})`;
}

const kib = (values = []) => {
  const found = summary(values);
  return found ? grouped(Math.round(found.median / 1024)) : "–";
};

const cell = (value) => (typeof value === "number" ? grouped(value) : value);

function number(value) {
  if (Math.abs(value) >= 100) return grouped(Math.round(value));
  return Number.isInteger(value) ? `${value}` : value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

function grouped(value) {
  return `${value}`.replace(/\B(?=(\d{3})+$)/g, ",");
}

const plain = (title) => title.replace(/[*`]/g, "");

/** The chart: a panel of bars for each of the main figures. The lines mark the quartiles. */
export function svg({ sizes, loads, posts, work }) {
  const median = (byCandidate, figure) =>
    all(byCandidate).map((one) => ({ ...one, ...summary(one.figures[figure] ?? []) }));
  const panels = [
    {
      title: "bytes that a page loads (brotli)",
      bars: all(sizes).map((one) => ({ ...one, median: one.figures.brotli, label: grouped(one.figures.brotli) })),
    },
    { title: "import → ready, ms", bars: median(loads, "imported1") },
    { title: "import → ready with the CPU 4 × slower, ms", bars: median(loads, "imported4") },
    { title: "one POST, × bare fetch", bars: median(posts, "inTurnRatio") },
    { title: "500 POSTs at once, × bare fetch", bars: median(posts, "atOnceRatio") },
    { title: "work of the page for a POST, network stubbed, ms", bars: median(work, "elapsed") },
  ].map((panel) => ({ ...panel, bars: panel.bars.filter(({ median }) => median !== undefined) }));

  const [ROW, HEAD, NAMES, WIDTH, VALUES, GAP] = [18, 26, 250, 360, 90, 18];
  let y = GAP;
  const drawn = panels.map(({ title, bars }) => {
    const most = Math.max(...bars.map(({ median, high }) => high ?? median));
    const x = (value) => NAMES + (value / most) * WIDTH;
    const lines = [`<text x="8" y="${y + 12}" class="title">${title}</text>`];
    y += HEAD;
    for (const { title: name, median, low, high, label, isOurs } of bars) {
      const middle = y + ROW / 2;
      lines.push(
        `<text x="${NAMES - 8}" y="${middle + 4}" text-anchor="end">${escaped(plain(name))}</text>`,
        `<rect x="${NAMES}" y="${y + 3}" width="${Math.max(1, x(median) - NAMES).toFixed(1)}" height="${ROW - 6}" class="${isOurs ? "ours" : "other"}"/>`,
        `<text x="${(x(high ?? median) + 6).toFixed(1)}" y="${middle + 4}">${label ?? number(median)}</text>`,
      );
      if (low !== undefined && high > low)
        lines.push(`<path d="M${x(low).toFixed(1)} ${middle}H${x(high).toFixed(1)}" class="spread"/>`);
      y += ROW;
    }
    y += GAP;
    return lines.join("\n");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${NAMES + WIDTH + VALUES}" height="${y}" role="img">
<title>premium-recorder and its peers: bytes, time to ready, posts</title>
<style>
text { font: 12px system-ui, sans-serif; fill: #57606a }
.title { font-weight: 600; fill: #24292f }
.other { fill: #afb8c1 }
.ours { fill: #0969da }
.spread { stroke: #24292f; stroke-width: 1.5 }
rect.back { fill: #ffffff }
</style>
<rect class="back" width="100%" height="100%"/>
${drawn.join("\n")}
</svg>
`;
}

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
