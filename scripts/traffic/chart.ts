/** One drain in a panel: how many of the requests that were sent in each second failed. */
export type Line = {
  readonly name: string;
  readonly failedAt: Readonly<Record<string, number>>;
  readonly fromSecond: number;
  readonly toSecond: number;
  /** When the drain ended, in seconds since it began; undefined: it did not. */
  readonly endedAt: number | undefined;
};
export type Panel = { readonly title: string; readonly lines: readonly Line[] };

const WIDTH = 880;
const COLUMNS = 2;
const PANEL = { width: WIDTH / COLUMNS, height: 180, left: 40, right: 20, top: 44, bottom: 28 };
const HEAD = 64;

/** Distinguishable with colour blindness, in print, on white and on black. */
const LINES: Readonly<Record<string, { readonly css: string; readonly dash: string }>> = {
  ours: { css: 'a', dash: '' },
  kubectl: { css: 'b', dash: '6 3' },
  'power-cut': { css: 'c', dash: '2 3' },
};

const STYLE = [
  'text{font:12px system-ui,-apple-system,Segoe UI,sans-serif;fill:#1f2328}.m{fill:#57606a}.h{font-weight:600}.t{font-size:11px}',
  'path{fill:none;stroke-width:2}.g{stroke:#d8dee4;stroke-width:1}.a{stroke:#0969da}.b{stroke:#bc4c00}.c{stroke:#8250df}.bg{fill:#fff}',
  '@media(prefers-color-scheme:dark){text{fill:#e6edf3}.m{fill:#9198a1}.g{stroke:#30363d}.a{stroke:#4493f8}.b{stroke:#f0883e}.c{stroke:#ab7df8}.bg{fill:#0d1117}}',
].join('');

/**
 * A self-contained SVG, for light and dark pages.
 * @param titles by the name of the drainer
 * @param perSecond requests that are sent
 */
export function chart(panels: readonly Panel[], titles: Readonly<Record<string, string>>, perSecond: number): string {
  const height = HEAD + Math.ceil(panels.length / COLUMNS) * PANEL.height + 8;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>Requests that failed while a node was drained</title><style>${STYLE}</style>`,
    `<rect class="bg" width="${WIDTH}" height="${height}" rx="8"/>`,
    `<text class="h" x="${PANEL.left}" y="24">failed requests a second, of ${perSecond}, by seconds since the drain began; a stroke: its end</text>`,
    ...Object.entries(titles).map(([name, title], index) => {
      const x = PANEL.left + index * 270;
      return `${path(name, `M${x} 44h26`)}<text x="${x + 32}" y="48">${escaped(title)}</text>`;
    }),
    ...panels.map((panel, index) => panelAt(panel, index, perSecond)),
    '</svg>',
    '',
  ].join('\n');
}

function panelAt({ title, lines }: Panel, index: number, perSecond: number): string {
  const left = (index % COLUMNS) * PANEL.width + PANEL.left;
  const top = HEAD + Math.floor(index / COLUMNS) * PANEL.height + PANEL.top;
  const width = PANEL.width - PANEL.left - PANEL.right;
  const height = PANEL.height - PANEL.top - PANEL.bottom;
  const from = Math.min(0, ...lines.map(({ fromSecond }) => fromSecond));
  const to = Math.max(1, ...lines.map(({ toSecond }) => toSecond));
  const x = (second: number) => round(left + ((second - from) / (to - from)) * width);
  const y = (failed: number) => round(top + height * (1 - Math.min(1, failed / perSecond)));
  return [
    `<text class="h t" x="${left}" y="${top - 12}">${escaped(title)}</text>`,
    ...[0, perSecond].map(
      (value) =>
        `<path class="g" d="M${left} ${y(value)}h${width}"/><text class="m" x="${left - 6}" y="${y(value) + 4}" text-anchor="end">${value}</text>`,
    ),
    ...ticks(to).map(
      (value) =>
        `<path class="g" d="M${x(value)} ${y(0)}v4"/><text class="m" x="${x(value)}" y="${y(0) + 17}" text-anchor="middle">${value}</text>`,
    ),
    ...lines.map((line) => {
      const seconds = Array.from({ length: line.toSecond - line.fromSecond }, (_, second) => line.fromSecond + second);
      const steps = seconds.map((second) => `V${y(line.failedAt[second] ?? 0)}H${x(second + 1)}`).join('');
      const end = line.endedAt === undefined ? '' : `M${x(line.endedAt)} ${y(0) - 6}v12`;
      return path(line.name, `M${x(line.fromSecond)} ${y(0)}${shortened(steps)}${end}`);
    }),
  ].join('\n');
}

/** Steps of the same height, as one. */
function shortened(steps: string): string {
  return steps.replaceAll(/(V[\d.]+)H[\d.]+(?=\1H)/g, '');
}

function ticks(to: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100].find((size) => to / size <= 8) ?? 200;
  return Array.from({ length: Math.floor(to / step) + 1 }, (_, index) => index * step);
}

function path(name: string, d: string): string {
  const { css = 'a', dash = '' } = LINES[name] ?? {};
  return `<path class="${css}"${dash === '' ? '' : ` stroke-dasharray="${dash}"`} d="${d}"/>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
