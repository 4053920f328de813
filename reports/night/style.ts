/** What the page of a night has beside a run's. */
export const nightStyle = `
.news{font-size:1.15rem;font-weight:600}.news small{font-weight:400;color:var(--soft)}h2 small{color:var(--soft);font-weight:400}
.failures .slice{margin-top:.5rem;max-height:16em;overflow:auto;background:#14181d;color:#d6dbe1;border-radius:6px;padding:.5rem .7rem;font-size:.78rem;line-height:1.4}
.failures .facts{font-size:.86rem}
.matrix{border-collapse:separate;border-spacing:4px;font-size:.9rem}.matrix th{text-align:left;font-weight:600;padding:.2rem .6rem .2rem 0}.matrix thead th{color:var(--soft);font-size:.8rem;padding:.2rem .55rem}
.matrix tbody th{white-space:nowrap;vertical-align:top;padding-top:.45rem}.matrix th small{display:block;font-weight:400;color:var(--errored);white-space:normal;max-width:22em;overflow-wrap:anywhere}
.matrix td[class^=v-]{background:var(--vb);border-radius:6px;padding:.35rem .55rem;vertical-align:top;min-width:7.5em}.matrix td a,.matrix td>b,.matrix td .mk{color:var(--v);text-decoration:none}.matrix td a:hover{text-decoration:underline}
.matrix td small{display:block;color:var(--soft);white-space:nowrap}.matrix td.excused{outline:2px dashed var(--flaky);outline-offset:-2px}
.spark{margin-top:.3rem}.spark rect{fill:var(--v);opacity:.75}.spark polyline{fill:none;stroke:var(--ink);stroke-width:1;opacity:.4}
.lanes.gantt{grid-template-columns:minmax(6rem,max-content) 1fr}.gantt .cores{fill:var(--faint)}.gantt .used{fill:var(--sh);opacity:.6}.gantt .names span{white-space:nowrap}
.plain{width:100%;min-width:560px;border-collapse:collapse;font-size:.88rem;margin-bottom:.5rem}.plain td,.plain th{padding:.3rem .7rem;text-align:left;border-top:1px solid var(--faint);overflow-wrap:anywhere;vertical-align:top}.plain th{white-space:nowrap}.plain td+td{overflow-wrap:normal}.plain td:last-child{overflow-wrap:anywhere}.plain td:nth-child(3){white-space:nowrap}.plain thead th{border-top:0;color:var(--soft);font-size:.78rem}
.release{color:var(--passed);font-weight:600}.expired{color:var(--failed);font-weight:600}
@media (max-width:640px){main{padding:1rem .7rem 2rem}h1{font-size:2rem}.total{margin-left:0;text-align:left}.matrix tbody th{white-space:normal;min-width:6.5em}}
`;
