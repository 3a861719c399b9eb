/** Pods on a node over time, for each contender. */
type Chart = {
  readonly title: string;
  /** The minimum duration of a drain, drawn as a line. */
  readonly floorSeconds?: number;
  readonly series: readonly Series[];
};
type Series = {
  readonly name: string;
  /** When its process ended. */
  readonly seconds: number;
  /** The number of pods from each time on, in order of time. */
  readonly points: readonly { readonly seconds: number; readonly pods: number }[];
};

const WIDTH = 860;
const HEIGHT = 400;
const PLOT = { left: 64, right: 24, top: 76, bottom: 52 };
/** Distinguishable with colour blindness, and in print. */
const STROKES = [
  { colour: '#0969da', dash: '' },
  { colour: '#bc4c00', dash: '7 4' },
  { colour: '#57606a', dash: '2 3' },
];

/** A self-contained SVG, on white so that it is readable on a dark page too. */
export function chart({ title, floorSeconds, series }: Chart): string {
  const longest = Math.max(1, floorSeconds ?? 0, ...series.map(({ seconds }) => seconds));
  const most = Math.max(1, ...series.flatMap(({ points }) => points.map(({ pods }) => pods)));
  const seconds = ticks(longest);
  const pods = ticks(most);
  const width = WIDTH - PLOT.left - PLOT.right;
  const height = HEIGHT - PLOT.top - PLOT.bottom;
  const x = (value: number) => round(PLOT.left + (value / (seconds.at(-1) ?? 1)) * width);
  const y = (value: number) => round(PLOT.top + height - (value / (pods.at(-1) ?? 1)) * height);
  const floor = y(0);

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="system-ui, -apple-system, Segoe UI, sans-serif" font-size="13" fill="#1f2328">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" rx="8" fill="#ffffff"/>`,
    text(PLOT.left, 28, title, 'font-size="16" font-weight="600"'),
    ...legend(series),
    ...pods.flatMap((value) => [
      `<path d="M${PLOT.left} ${y(value)}H${WIDTH - PLOT.right}" stroke="#d8dee4"/>`,
      text(PLOT.left - 8, y(value) + 4, String(value), 'text-anchor="end" fill="#57606a"'),
    ]),
    ...seconds.flatMap((value) => [
      `<path d="M${x(value)} ${floor}v5" stroke="#57606a"/>`,
      text(x(value), floor + 20, String(value), 'text-anchor="middle" fill="#57606a"'),
    ]),
    text(PLOT.left + width / 2, HEIGHT - 12, 'seconds since the start of the program', 'text-anchor="middle"'),
    `<text transform="translate(18 ${PLOT.top + height / 2}) rotate(-90)" text-anchor="middle">pods on the node</text>`,
    ...(floorSeconds === undefined
      ? []
      : [
          `<path d="M${x(floorSeconds)} ${PLOT.top}V${floor}" stroke="#8250df" stroke-dasharray="3 3"/>`,
          text(x(floorSeconds) + 5, PLOT.top + 12, `floor ${shown(floorSeconds)} s`, 'fill="#8250df"'),
        ]),
    ...series.map(
      ({ points }, index) =>
        `<path d="${steps(points, x, y)}" fill="none" stroke-width="2.5" stroke-linejoin="round" ${stroke(index)}/>`,
    ),
    '</svg>',
    '',
  ].join('\n');
}

function legend(series: readonly Series[]): string[] {
  return series.flatMap(({ name, seconds }, index) => {
    const left = PLOT.left + index * 260;
    return [
      `<path d="M${left} 52h28" stroke-width="2.5" ${stroke(index)}/>`,
      text(left + 36, 56, `${name}: ${shown(seconds)} s`, ''),
    ];
  });
}

function steps(points: Series['points'], x: (value: number) => number, y: (value: number) => number): string {
  return points
    .map(({ seconds, pods }, index) => (index === 0 ? `M${x(seconds)} ${y(pods)}` : `H${x(seconds)}V${y(pods)}`))
    .join('');
}

function stroke(index: number): string {
  const { colour, dash } = STROKES[index % STROKES.length] ?? { colour: '#1f2328', dash: '' };
  return `stroke="${colour}"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}`;
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escaped(words)}</text>`;
}

/** From 0 to the first round number that is at least `most`, in about five steps of 1, 2 or 5 times a power of ten. */
export function ticks(most: number): number[] {
  const rough = most / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => round(index * step));
}

function shown(seconds: number): string {
  return String(seconds < 10 ? round(seconds) : Math.round(seconds * 10) / 10);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
