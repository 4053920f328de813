/** Colours and layout of the page; the system's light or dark scheme decides. */
export const style = `
:root{color-scheme:light dark;--bg:#f6f7f8;--card:#fff;--ink:#16191d;--soft:#5a636e;--line:#dfe3e8;--faint:#eef0f3;--link:#0b5cad;
--passed:#18794e;--failed:#c4232b;--errored:#b1520a;--blocked:#7b4fa3;--skipped:#68717d;--flaky:#8a6100;
--passed-bg:#e4f3ea;--failed-bg:#fdebec;--errored-bg:#fdf0e2;--blocked-bg:#f3ebfa;--skipped-bg:#eef0f3;--flaky-bg:#fbf2d4;
--fw:#8b96a5;--bl:#5b7fc7;--ke:#2f9aa0;--in:#caa12b;--sh:#2c9a5f;--reset:#d5dae0;
--mono:ui-monospace,SFMono-Regular,"DejaVu Sans Mono",Menlo,Consolas,monospace}
@media (prefers-color-scheme:dark){:root{--bg:#0e1114;--card:#16191e;--ink:#e7eaee;--soft:#98a2ae;--line:#2a3038;--faint:#1f242b;--link:#74b3f5;
--passed:#4cc38a;--failed:#ff6369;--errored:#ff9a4d;--blocked:#bf93e8;--skipped:#98a2ae;--flaky:#e6b93f;
--passed-bg:#12291f;--failed-bg:#321619;--errored-bg:#321f10;--blocked-bg:#261a33;--skipped-bg:#1f242b;--flaky-bg:#2d2409;
--fw:#66717f;--bl:#4d70b8;--ke:#2a8388;--in:#a8841f;--sh:#2a8553;--reset:#313842}}
*{box-sizing:border-box}
html{scroll-padding-top:4.5rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main{max-width:1160px;margin:0 auto;padding:1.5rem 1.25rem 3rem}
h1,h2,h3,h4,p,dl,dd,ul,ol,figure{margin:0;padding:0}
h2{font-size:1.15rem;margin:2.4rem 0 .8rem;letter-spacing:-.005em}
h3{font-size:1rem;margin:1.4rem 0 .5rem}h3 small,li small{font-weight:400;color:var(--soft)}
h4{font-size:.72rem;font-weight:600;text-transform:uppercase;letter-spacing:.07em;color:var(--soft);margin:1.1rem 0 .35rem}
a{color:var(--link);text-decoration-thickness:1px;text-underline-offset:2px}
code,pre,kbd{font-family:var(--mono);font-size:.86em}pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}code{overflow-wrap:anywhere}
:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:3px}
.none,.facts,.legend,footer,.total{color:var(--soft)}
.mk{font-weight:700;display:inline-block;min-width:1.1em;text-align:center}
.v-passed{--v:var(--passed);--vb:var(--passed-bg)}.v-failed{--v:var(--failed);--vb:var(--failed-bg)}.v-errored{--v:var(--errored);--vb:var(--errored-bg)}
.v-blocked{--v:var(--blocked);--vb:var(--blocked-bg)}.v-skipped{--v:var(--skipped);--vb:var(--skipped-bg)}.v-flaky{--v:var(--flaky);--vb:var(--flaky-bg)}
header{background:var(--card);border:1px solid var(--line);border-top:5px solid var(--v);border-radius:10px;padding:1.3rem 1.5rem 1.2rem}
.verdict{display:flex;align-items:center;gap:1.1rem;flex-wrap:wrap}
.seal{display:grid;place-items:center;width:3.6rem;height:3.6rem;border-radius:12px;background:var(--v);color:var(--card);font-size:2.1rem;font-weight:700;line-height:1}
.kicker{color:var(--soft);font-size:.85rem}h1{font-size:2.7rem;line-height:1.1;letter-spacing:-.025em;color:var(--v);font-weight:750}
.total{margin-left:auto;text-align:right;font-size:1.02rem}.total b{color:var(--ink);font-weight:650;font-variant-numeric:tabular-nums}
.share-bar{display:block;border-radius:5px;margin:1.1rem 0 .6rem;background:var(--faint)}.share-bar rect{fill:var(--v);stroke:var(--card);stroke-width:1}
.counts{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.5rem}.counts li{color:var(--soft)}.counts b{color:var(--ink);font-size:1.12rem}.counts .mk{color:var(--v)}
.meta .wide{flex-basis:100%}.meta{display:flex;flex-wrap:wrap;gap:.8rem 1.35rem;margin-top:1.15rem;padding-top:1.05rem;border-top:1px solid var(--line)}
.meta dt{font-size:.72rem;font-weight:600;text-transform:uppercase;letter-spacing:.07em;color:var(--soft)}.meta dd{overflow-wrap:anywhere;font-size:.95rem}.meta small{color:var(--soft)}.broken{color:var(--failed)}
.again{display:flex;align-items:center;gap:.8rem;margin-top:1.1rem;background:var(--faint);border-radius:7px;padding:.5rem .8rem;font-size:.93rem}
.again span{color:var(--soft);white-space:nowrap}.again code{flex:1}
button{font:inherit;color:inherit;cursor:pointer;background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.15rem .6rem}
.tag{font-size:.76rem;border-radius:4px;padding:.08rem .45rem;background:var(--faint);color:var(--soft);white-space:nowrap}
.tag.vt{background:var(--vb);color:var(--v);font-weight:600}
.b-board{background:var(--failed-bg);color:var(--failed);font-weight:600}.b-rig,.b-config{background:var(--errored-bg);color:var(--errored);font-weight:600}.b-suite{background:var(--blocked-bg);color:var(--blocked);font-weight:600}
.failures{list-style:none;display:grid;gap:.5rem}
.failures li{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--v);border-radius:6px;padding:.6rem .9rem}
.failures a{font-weight:600;color:var(--ink)}.failures .mk{color:var(--v)}.failures p{margin-top:.15rem;overflow-wrap:anywhere}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.9rem 1rem .3rem}
.lanes{display:grid;grid-template-columns:3.4rem 1fr;min-width:640px;column-gap:.5rem}.lanes+.lanes{margin-top:.9rem}
.lanes figcaption{grid-column:1/3;font-weight:600;margin-bottom:.3rem}
.names span{display:block;height:24px;line-height:23px;font-size:.78rem;color:var(--soft);text-align:right}
svg{display:block}svg text{font:11px system-ui,sans-serif;fill:#fff;pointer-events:none}.lanes line{stroke:var(--line)}
svg text.tick{fill:var(--soft);font-size:10.5px}
.bar rect{fill:var(--v,var(--fw));stroke:var(--card);stroke-width:.6}.bar.on rect{fill:var(--soft);opacity:.55}.bar.down rect{fill:var(--failed)}
.st-reset{--v:var(--reset)}.st-firmware{--v:var(--fw)}.st-bootloader{--v:var(--bl)}.st-kernel{--v:var(--ke)}.st-init{--v:var(--in)}.st-shell{--v:var(--sh)}.st-recovery{--v:var(--errored)}.st-off{--v:var(--reset)}
svg .bar.st-reset text{fill:var(--soft)}
@media (prefers-color-scheme:dark){.lanes .v-passed,.lanes .v-failed,.lanes .v-errored,.lanes .v-flaky,.lanes .v-blocked{--v:color-mix(in srgb,var(--w) 62%,#16191e)}.v-passed{--w:var(--passed)}.v-failed{--w:var(--failed)}.v-errored{--w:var(--errored)}.v-flaky{--w:var(--flaky)}.v-blocked{--w:var(--blocked)}}
#boots{margin-top:0}.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;font-size:.82rem;margin-bottom:.5rem}.sw{display:inline-block;width:.8em;height:.8em;border-radius:2px;background:var(--v);margin-right:.4em}
.boots{width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--line);border-radius:10px;font-size:.86rem;margin-bottom:.6rem}
.boots caption{text-align:left;font-weight:600;padding-bottom:.25rem}
.boots td,.boots th{padding:.22rem .7rem;text-align:left;font-weight:500;border-top:1px solid var(--faint);font-variant-numeric:tabular-nums}.boots th{white-space:nowrap;width:1%}.boots th span{color:var(--soft);font-weight:400}.boots .sum{white-space:nowrap;width:1%;text-align:right;color:var(--soft)}
.slots table{width:100%;border-collapse:collapse;font-size:.86rem;min-width:940px}.slots caption{text-align:left;font-weight:600;padding-bottom:.35rem}.slots+.slots{margin-top:.9rem}
.slots td,.slots th{padding:.22rem .6rem;text-align:left;vertical-align:top;border-top:1px solid var(--faint);font-weight:500;overflow-wrap:anywhere}.slots thead th{border-top:0;color:var(--soft);font-size:.78rem;white-space:nowrap}.slots th span{color:var(--soft);font-weight:400}.slots th,.slots .num{white-space:nowrap;font-variant-numeric:tabular-nums}.slots .came{color:var(--v);white-space:nowrap}
footer{margin-top:2.5rem;font-size:.84rem;display:flex;flex-wrap:wrap;gap:.3rem 2rem;justify-content:space-between}
kbd{border:1px solid var(--line);border-bottom-width:2px;border-radius:4px;padding:0 .35em;background:var(--card)}
.notes{list-style:none;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.5rem .9rem;font-size:.88rem}.notes li{padding:.12rem 0;overflow-wrap:anywhere}.notes .warning{color:var(--errored)}.notes .t{color:var(--soft);display:inline-block;min-width:4.5em;font-variant-numeric:tabular-nums}
`;
