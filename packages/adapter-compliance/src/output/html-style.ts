/** For paper first: A4 across, headings of tables on every page, no row cut in two. */
export const STYLE = `
@page { size: A4 landscape; margin: 14mm 12mm; }
* { box-sizing: border-box; }
body { font: 10pt/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; color: #1a1a1a; background: #fff; margin: 0 auto; max-width: 297mm; padding: 8mm; }
h1 { font-size: 17pt; line-height: 1.2; margin: 0 0 2mm; }
h2 { font-size: 12.5pt; margin: 7mm 0 2mm; padding-bottom: 1mm; border-bottom: 0.4mm solid #1a1a1a; break-after: avoid; }
p, ul { margin: 0 0 2mm; }
ul { padding-left: 5mm; }
.notice { border: 0.4mm solid #1a1a1a; padding: 2mm 3mm; margin: 3mm 0; break-inside: avoid; }
.none { font-style: italic; }
table { border-collapse: collapse; width: 100%; font-size: 7.5pt; margin: 0 0 2mm; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
th, td { border: 0.2mm solid #8a8a8a; padding: 0.8mm 1.2mm; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { overflow-wrap: normal; background: #ececec; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.time, td.span { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.word { min-width: 20mm; }
td.id { min-width: 53mm; }
td.id, .hash { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 7pt; overflow-wrap: anywhere; }
.summary { display: flex; flex-wrap: wrap; gap: 2mm; margin: 0 0 2mm; padding: 0; list-style: none; }
.summary li { border: 0.2mm solid #8a8a8a; padding: 1.5mm 3mm; min-width: 28mm; }
.summary strong { display: block; font-size: 14pt; line-height: 1.2; }
.bad { font-weight: 700; }
@media print { body { max-width: none; padding: 0; } a { color: inherit; text-decoration: none; } }
`;
