/** The page's style sheet: light and dark by the reader's setting, light on paper. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: light-dark(#f4f3f8, #121119);
  --card: light-dark(#fff, #1c1a27);
  --line: light-dark(#e2dfec, #322f42);
  --ink: light-dark(#1d1930, #efedf7);
  --quiet: light-dark(#625d78, #a8a2bf);
  --a: light-dark(#5b4bdb, #9d90ff);
  --b: light-dark(#b4530b, #ffb86b);
  --bad: light-dark(#b3261e, #ff8a80);
  --tint: light-dark(#efecff, #2a2544);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif;
  font-variant-numeric: tabular-nums;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); }
main { max-width: 1120px; margin: auto; padding: 28px 24px 48px; display: grid; gap: 18px; }
h1, h2, h3, p, dl, dd, ul { margin: 0; padding: 0; }
h1 { font-size: 28px; line-height: 1.2; letter-spacing: -0.02em; }
h2 { font-size: 16px; letter-spacing: -0.01em; }
h3 { font-size: 13px; color: var(--quiet); font-weight: 600; margin-bottom: 4px; }
.quiet, figcaption, caption { color: var(--quiet); font-size: 13px; }
header p { color: var(--quiet); }
header .verdict { color: var(--ink); margin-top: 10px; max-width: 110ch; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 18px 20px; min-width: 0; }
.card > p { margin: 2px 0 8px; max-width: 120ch; }
.pair { display: grid; gap: 18px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); align-items: stretch; }
.warning { border-left: 4px solid var(--bad); }
.warning li { list-style: none; }
.metrics { display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); gap: 14px 22px; margin-top: 12px; }
.metrics dt { color: var(--quiet); font-size: 13px; }
.metrics dd { font-size: 22px; font-weight: 650; letter-spacing: -0.02em; line-height: 1.2; }
.metrics dd small { display: block; font-size: 12.5px; font-weight: 400; letter-spacing: 0; color: var(--quiet); }
.metrics .main dd { color: var(--a); font-size: 30px; }
figure { margin: 0; }
svg { display: block; width: 100%; height: auto; margin-top: 8px; overflow: visible; }
svg text { font: 11px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; fill: var(--quiet); }
svg .title { font-size: 12px; }
.grid { stroke: var(--line); }
.axis { stroke: var(--quiet); }
.curve { fill: none; stroke: var(--a); stroke-width: 2.2; stroke-linejoin: round; }
.other { fill: none; stroke: var(--b); stroke-width: 2; stroke-linejoin: round; }
.chance { fill: none; stroke: var(--quiet); stroke-dasharray: 4 4; }
.under { fill: var(--a); opacity: 0.13; }
.under-other { fill: var(--b); opacity: 0.15; }
.mark { fill: var(--card); stroke: var(--a); stroke-width: 2.5; }
.point { fill: var(--a); }
.cloud { fill: var(--a); opacity: 0.28; }
.whisker { stroke: var(--a); stroke-width: 1.4; opacity: 0.65; }
.cut { stroke: var(--ink); stroke-dasharray: 2 3; }
.key { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; color: var(--quiet); margin-top: 6px; }
.key span::before { content: ''; display: inline-block; width: 16px; height: 3px; border-radius: 2px; margin-right: 6px; vertical-align: middle; background: var(--tone); }
.tone-a { --tone: var(--a); }
.tone-b { --tone: var(--b); }
.tone-quiet { --tone: var(--quiet); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; margin-top: 8px; }
caption { text-align: left; padding-bottom: 6px; }
th, td { padding: 6px 10px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--quiet); font-weight: 500; font-size: 12.5px; }
td:first-child, th:first-child { text-align: left; padding-left: 0; white-space: normal; }
tbody th { color: var(--ink); font-weight: 500; font-size: 13.5px; }
tbody tr:last-child > * { border-bottom: 0; }
tr.model > * { font-weight: 650; color: var(--a); }
tr.group th { padding-top: 14px; font-weight: 650; }
td small { color: var(--quiet); margin-left: 6px; font-weight: 400; }
.note { display: block; font-weight: 400; font-size: 12.5px; color: var(--quiet); }
.confusion td { text-align: center; border: 2px solid var(--card); border-radius: 8px; padding: 12px 10px; }
.confusion td b { display: block; font-size: 17px; }
.confusion th { text-align: center; border: 0; }
.confusion tbody th { text-align: right; }
.confusion td, .confusion td:first-child { background: color-mix(in srgb, var(--tone) var(--part), transparent); }
.range { display: inline-block; vertical-align: middle; width: 110px; height: 12px; position: relative; margin-left: 10px; border-bottom: 1px solid var(--line); }
.range i { position: absolute; top: 3px; height: 6px; border-radius: 3px; background: var(--a); opacity: 0.3; min-width: 2px; }
.range b { position: absolute; top: 1px; width: 3px; height: 10px; margin-left: -1px; border-radius: 2px; background: var(--a); }
table.bars td, table.bars th { border: 0; padding: 3px 10px 3px 0; }
.bars tbody th:first-child { white-space: nowrap; }
.bars th { width: 1%; max-width: 340px; overflow: hidden; text-overflow: ellipsis; }
.bars td:last-child { width: 1%; text-align: left; padding-right: 0; }
.track i { display: block; height: 14px; min-width: 2px; border-radius: 4px; background: var(--a); opacity: 0.8; }
.facts { display: grid; gap: 18px 40px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 260px), 1fr)); margin-top: 10px; }
.facts div div { display: flex; justify-content: space-between; gap: 14px; border-bottom: 1px solid var(--line); padding: 3px 0; font-size: 13.5px; }
.facts div div.below { display: block; }
.facts .below dd { text-align: left; }
.facts dt { color: var(--quiet); }
.facts dd { text-align: right; overflow-wrap: anywhere; }
footer { color: var(--quiet); font-size: 12.5px; max-width: 130ch; }
footer p + p { margin-top: 6px; }
@media (max-width: 640px) {
  main { padding: 18px 12px 32px; }
  .card { padding: 14px; }
  .bars th { max-width: 130px; }
  td:first-child .note, th .note { min-width: 130px; }
}
@media print {
  :root { color-scheme: light; --page: #fff; font-size: 12px; }
  main { max-width: none; padding: 0; gap: 10px; }
  .card { break-inside: avoid; padding: 12px 14px; border-radius: 8px; }
  .long { break-inside: auto; }
  tr { break-inside: avoid; }
  .range { width: 60px; }
  .pair { grid-template-columns: 1fr 1fr; gap: 10px; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
@page { margin: 14mm; }
`
