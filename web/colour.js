// Palettes: Okabe-Ito for kinds, a viridis-like ramp for shares, purple to orange around 1 for ratios.

const kinds = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800"];
const others = "#8a8f98";
const ramp = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const lessMore = [[94, 60, 153], [178, 171, 210], [190, 190, 190], [253, 184, 99], [230, 97, 1]];

export const kindColour = (index) => (index < kinds.length ? kinds[index] : others);

function mix(stops, at) {
  const x = Math.min(0.9999, Math.max(0, at)) * (stops.length - 1);
  const i = Math.floor(x), f = x - i;
  return `rgb(${stops[i].map((v, k) => Math.round(v + (stops[i + 1][k] - v) * f)).join(" ")})`;
}

export const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;

// 0..1; on a light page more is darker, on a dark page more is brighter.
export const shareColour = (at) => mix(ramp, dark() ? 0.12 + 0.88 * at : 0.95 - 0.95 * at);

// A quarter to four times, on a logarithmic scale.
export const ratioColour = (ratio) => mix(lessMore, 0.5 + Math.log2(Math.max(1e-6, ratio)) / 4);

export function gradient(colour) {
  const stops = [];
  for (let i = 0; i <= 8; i++) stops.push(colour(i / 8));
  return `linear-gradient(to right, ${stops.join(", ")})`;
}
