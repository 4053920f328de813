/** Tests, their steps and their logs; the sixteen colours of a console; narrow screens and paper. */
export const consoleStyle = `
.toolbar{position:sticky;top:0;z-index:2;display:flex;flex-wrap:wrap;gap:.5rem .8rem;align-items:center;background:var(--bg);padding:.6rem 0;border-bottom:1px solid var(--line)}
#search{flex:1 1 15rem;min-width:0;font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:7px;padding:.35rem .7rem}
.chips{display:flex;flex-wrap:wrap;gap:.35rem}.chip{border-radius:999px;font-size:.85rem;color:var(--v)}.chip b{color:var(--ink)}.chip[aria-pressed=true]{background:var(--v);border-color:var(--v);color:var(--card)}.chip[aria-pressed=true] b{color:inherit}
#shown{color:var(--soft);font-size:.85rem}[hidden]{display:none!important}
details.test{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--v);border-radius:6px;margin-bottom:.3rem}
details.test>summary{display:grid;grid-template-columns:1.4em minmax(0,1fr) auto auto 90px 5.2em;gap:.7rem;align-items:center;padding:.42rem .85rem;cursor:pointer;list-style:none}
summary{list-style:none}summary::-webkit-details-marker{display:none}details.test>summary:hover{background:var(--faint)}details.test[open]>summary{border-bottom:1px solid var(--faint)}
.test .mk{color:var(--v)}.test>summary .nm{grid-column:2;font-weight:550;overflow-wrap:anywhere}.test>summary small{display:block;font-weight:400;color:var(--soft)}
.test>summary .tag{grid-column:3}.test>summary .vt{grid-column:4}.test>summary .share{grid-column:5}.test>summary .ms{grid-column:6}
.ms{text-align:right;color:var(--soft);font-size:.86rem;font-variant-numeric:tabular-nums;white-space:nowrap}
.share{background:var(--faint);border-radius:2px}.share rect{fill:var(--v,var(--passed));opacity:.75}
.body{padding:.4rem 1.1rem 1rem}.attempt+.attempt{border-top:1px dashed var(--line);margin-top:1rem}.attempt h3{margin-top:.8rem}
.error{background:var(--vb);border-radius:7px;padding:.8rem 1rem;margin-top:.7rem}#problem .error{--vb:var(--errored-bg)}
.error .msg{font-size:1.04rem;font-weight:600;margin:.45rem 0;white-space:pre-wrap;overflow-wrap:anywhere}.error .hint b{color:var(--passed);margin-right:.3em}.error .blame code{color:var(--soft)}
.error .more{margin:.2rem 0 .5rem;opacity:.85}.why{margin:.3rem 0}.why dt{font-weight:600;font-size:.85rem;color:var(--soft)}.why dd{white-space:pre-wrap;overflow-wrap:anywhere}.reason{margin-top:.7rem}
.error summary,.held summary,.evidence summary,.console>summary{cursor:pointer;color:var(--soft);font-size:.87rem;margin-top:.4rem}
.error summary::before,.held summary::before,.evidence summary::before,.console>summary::before{content:"▸ ";display:inline-block;width:1em}
.error [open]>summary::before,.held[open]>summary::before,.evidence [open]>summary::before,.console[open]>summary::before{content:"▾ "}
.steps,.steps ul{list-style:none}.steps ul{padding-left:1.5rem}.held ul{padding-left:1.4rem;color:var(--soft);font-size:.88rem}
.step{display:grid;grid-template-columns:1.4em minmax(0,1fr) 140px 5em;gap:.6rem;align-items:center;padding:.1rem 0}.step.good{--v:var(--passed)}.step.bad{--v:var(--failed)}.step.open{--v:var(--errored)}.step .nm{overflow-wrap:anywhere}
.steperr{margin:.1rem 0 .3rem 2rem;color:var(--failed);white-space:pre-wrap;overflow-wrap:anywhere}.held{margin-left:2rem}.held summary{margin-top:0}
.assert{margin:.3rem 0 .5rem 2rem;--v:var(--failed)}.assert>p{font-weight:550;overflow-wrap:anywhere}
.cmp{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:.5rem;margin-top:.3rem}.cmp>div{border:1px solid var(--line);border-radius:6px;overflow:hidden;background:var(--card)}
.cmp dt{font-size:.74rem;font-weight:600;padding:.1rem .6rem;background:var(--failed-bg);color:var(--failed)}.cmp div+div dt{background:var(--passed-bg);color:var(--passed)}.cmp pre{padding:.35rem .6rem;max-height:18rem;overflow:auto}
.diff{background:var(--faint);border-radius:6px;padding:.45rem .7rem;margin-top:.35rem;max-height:22rem;overflow:auto}
.measures{display:flex;flex-wrap:wrap;gap:.3rem 1.8rem}.measures dt{color:var(--soft);font-size:.86rem}.measures dd{font-size:1.1rem;font-weight:600;font-variant-numeric:tabular-nums}.measures small{font-weight:400;color:var(--soft)}
.evidence{list-style:none}.evidence summary{color:inherit;margin-top:.1rem}.evidence img{display:block;max-width:100%;border:1px solid var(--line);margin:.2rem 0 .4rem}.evidence pre{background:var(--faint);border-radius:6px;padding:.5rem .7rem;max-height:16rem;overflow:auto;margin:.2rem 0 .4rem}
.facts{font-size:.84rem;margin-top:.6rem}.console{margin-top:.6rem}
.log{background:#12161b;color:#d5dae1;border-radius:8px;padding:.5rem 0;margin-top:.4rem;max-height:34rem;overflow:auto;font:12.5px/1.5 var(--mono)}
.l{display:grid;grid-template-columns:5.6em minmax(0,1fr);gap:.9em;padding:0 .8em}.l .t{color:#7d8794;text-align:right;font-variant-numeric:tabular-nums;user-select:none}
.l code{font-size:1em;white-space:pre-wrap;overflow-wrap:anywhere}.ev>span:last-child{overflow-wrap:anywhere;white-space:pre-wrap}
.ev{padding-block:.12em;margin-block:.12em;background:#1c232b;color:#9ecbff}.ev .ic{font-style:normal;display:inline-block;width:1.5em;text-align:center}
.ev.power,.ev.epoch{background:#33270b;color:#ffd479}.ev.link{background:#0f2d33;color:#7fe0ec}.ev.stage{background:#10291c;color:#7fe0a8}.ev.trouble{background:#3b1519;color:#ff9ea2}.ev.step{background:#1a2433;color:#a9c7f5}.ev.note,.ev.input{color:#a5afbb}
.who{color:#c9a2f2;font-weight:600}.gap{display:block;color:#ffd479;font-weight:400;border-block:1px dashed #5a4a1c;margin:.3em 0;padding:.2em 0}.gap a{color:inherit}
.k{font-style:normal;color:#6d7783}
.sb{font-weight:700}.sd{opacity:.65}.si{font-style:italic}.su{text-decoration:underline}.sv{background:#d5dae1;color:#12161b}
.f0{color:#7d8794}.f1{color:#ff7b80}.f2{color:#6fd08c}.f3{color:#e6c35c}.f4{color:#7aa9f7}.f5{color:#d495e8}.f6{color:#5fd0d6}.f7{color:#d5dae1}.f8{color:#8b95a1}.f9{color:#ff9ea2}.f10{color:#93e6ab}.f11{color:#ffe08a}.f12{color:#a3c6ff}.f13{color:#e9b8f7}.f14{color:#8ee8ec}.f15{color:#fff}
.b0{background:#000}.b1{background:#7a1f25}.b2{background:#1d5a34}.b3{background:#6b5310}.b4{background:#1f3f80}.b5{background:#5c2a73}.b6{background:#155c61}.b7{background:#a9b0b8;color:#12161b}.b8{background:#3a424c}.b9{background:#b3353c}.b10{background:#2c8a50}.b11{background:#9c7a17}.b12{background:#345fb5}.b13{background:#8544a3}.b14{background:#1f878d}.b15{background:#fff;color:#12161b}
@media (prefers-color-scheme:dark){.log{background:#0a0c0f}}
@media (max-width:700px){main{padding:.8rem .7rem 2rem}header{padding:1rem}h1{font-size:2rem}.seal{width:2.9rem;height:2.9rem;font-size:1.6rem}.total{margin-left:0;width:100%;text-align:left}.again{flex-wrap:wrap;gap:.2rem .6rem}.again span{width:100%}
details.test>summary{grid-template-columns:1.3em minmax(0,1fr) auto;gap:.2rem .5rem;padding:.5rem .6rem}.test>summary .share{display:none}.test>summary .ms{grid-column:3;grid-row:1}.test>summary .tag{grid-column:2;justify-self:start}.test>summary .vt{grid-column:3}
.body{padding:.2rem .6rem .8rem}.step{grid-template-columns:1.3em minmax(0,1fr) 4.5em}.step .share{display:none}.held,.assert,.steperr{margin-left:1.2rem}.log{font-size:11.5px}.l{grid-template-columns:4.6em minmax(0,1fr);gap:.6em;padding:0 .5em}
.boots th span,.boots .sum{display:none}.boots td,.boots th{padding:.2rem .45rem}}
@media print{:root{color-scheme:light}body{background:#fff;font-size:11px}main{max-width:none;padding:0}.toolbar,.keys,#copy{display:none}.log,.cmp pre,.diff,.evidence pre{max-height:none;overflow:visible}.log{background:#fff;color:#000;border:1px solid #ccc}.log [class]{color:#000;background:none}.ev{border-left:3px solid #888}details.test{break-inside:auto}.scroll{overflow:visible}*{print-color-adjust:exact}}
`;
