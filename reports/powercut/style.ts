/** What the certificate's page has beside the style of a run's report. */
export const powercutStyle = `
.sw{display:inline-block;width:.75rem;height:.75rem;border-radius:3px;margin-right:.35rem;vertical-align:-.06em}
.o-old{fill:#5b7fc7;background:#5b7fc7}.o-new{fill:#2c9a5f;background:#2c9a5f}.o-recovered{fill:#caa12b;background:#caa12b}
.o-dataLost{fill:#e07a1f;background:#e07a1f}.o-bricked{fill:#d0313a;background:#d0313a}.o-left{fill:#aab2bd;background:#aab2bd}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin-bottom:.6rem}
.cuts{display:block;width:100%;height:220px;background:var(--card);border:1px solid var(--line);border-radius:8px}
.phase.p0{fill:var(--card)}.phase.p1{fill:var(--faint)}
.phases{display:flex;flex-wrap:wrap;gap:.2rem 1.5rem;margin:.5rem 0;color:var(--soft);font-size:.93rem}.phases b{color:var(--ink)}
.plain{border-collapse:collapse;width:100%;font-size:.93rem;background:var(--card);border:1px solid var(--line)}
.plain th{text-align:left;font-size:.72rem;text-transform:uppercase;letter-spacing:.07em;color:var(--soft)}
.plain td,.plain th{padding:.3rem .7rem;border-top:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
.plain th{white-space:nowrap}.plain td:first-child,.counter .plain td:nth-last-child(-n+2){white-space:nowrap;overflow-wrap:normal}
.counter{background:var(--card);border:1px solid var(--line);border-left:5px solid var(--v);border-radius:8px;padding:.4rem 1.2rem 1rem;margin:.8rem 0}
.counter p{margin:.4rem 0}summary{cursor:pointer;margin:.6rem 0}
`;
