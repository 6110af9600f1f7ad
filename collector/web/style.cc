#include "collector/digest/document.h"
#include "collector/web/pages.h"

namespace gnomon::web {

std::string_view mark() {
  // A sundial's pointer and its shadow.
  return R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b5cad"/><path d="M8 24 L16 6 L16 24 Z" fill="#fff"/><path d="M16 24 L28 24 L16 17 Z" fill="#ffc74d"/><rect x="5" y="24" width="22" height="2" rx="1" fill="#fff"/></svg>
)";
}

std::string_view style() {
  static const std::string all = std::string{digest_style()} + R"(
:root{--visited:#8fb0d6;--guest:#a78bd0;--signup:#e09a1f;--active:#2c8a62;--integrated:#5a63cf;--ok:#1d6b48;--ok-ground:#dff3e8;--bad:#8c2f1b;--bad-ground:#fbe5df}
@media(prefers-color-scheme:dark){:root{--visited:#6d93c2;--guest:#a58bd8;--signup:#eab04a;--active:#4cb98a;--integrated:#8d95f2;--ok:#9be2bf;--ok-ground:#153528;--bad:#ffb7a4;--bad-ground:#44201a}}
a{color:var(--accent)}
a:focus-visible,button:focus-visible,input:focus-visible,select:focus-visible,.scroll:focus-visible{outline:3px solid var(--signup);outline-offset:2px;border-radius:3px}
.skip{position:absolute;left:-999rem;background:var(--paper);padding:.5rem 1rem;z-index:2}
.skip:focus{left:1rem;top:.5rem}
.wide{display:block;max-width:76rem;margin:0 auto;padding:0 1.25rem}
.narrow{max-width:44rem;margin:0 auto;padding:1rem 1.25rem 0}
.top{background:var(--paper);border-bottom:1px solid var(--line)}
.top .wide{display:flex;align-items:center;justify-content:space-between;gap:1rem;flex-wrap:wrap;padding-top:.6rem;padding-bottom:.6rem}
.brand{display:flex;align-items:center;gap:.6rem;font-weight:700;font-size:1.1rem;color:var(--ink);text-decoration:none}
.top ul{display:flex;gap:.25rem;list-style:none;margin:0;padding:0}
.top li a{display:block;padding:.4rem .8rem;border-radius:.5rem;color:var(--soft);text-decoration:none}
.top li a:hover{background:var(--tag)}
.top li a[aria-current]{background:var(--tag);color:var(--ink);font-weight:600}
.sample{background:var(--mark);color:var(--mark-ink);margin:0;padding:.45rem 0;font-size:.95rem}
main{padding:1.5rem 0 2.5rem}
main:focus{outline:0}
h1{font-size:1.9rem;line-height:1.2;margin:0}
.subtitle,.meta,.intro,.crumb{color:var(--soft)}
.subtitle{margin:.25rem 0 0}
.meta{font-size:.9rem;margin:.1rem 0}
.titleline{display:flex;justify-content:space-between;align-items:flex-start;gap:1rem;flex-wrap:wrap}
.weeks{display:flex;gap:.9rem;align-items:center;font-size:.95rem;padding:.4rem 0}
.weeks a{text-decoration:none}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;margin:1.25rem 0}
.figures div{display:flex;flex-direction:column-reverse;background:var(--paper);border:1px solid var(--line);border-radius:.75rem;padding:.7rem 1rem}
.figures dt{color:var(--soft);font-size:.9rem}
.figures dd{margin:0;font-size:1.55rem;font-weight:650;line-height:1.2}
.filter{display:flex;gap:.9rem;align-items:end;flex-wrap:wrap;margin:0 0 1.25rem}
.filter label{display:flex;flex-direction:column;font-size:.85rem;color:var(--soft);gap:.2rem}
.filter label.check{flex-direction:row;align-items:center;gap:.4rem;padding-bottom:.5rem}
input[type=search],select{font:inherit;color:var(--ink);background:var(--paper);border:1px solid var(--soft);border-radius:.5rem;padding:.4rem .6rem;min-width:11rem;height:2.4rem}
button{font:inherit;font-weight:600;background:var(--accent);color:var(--paper);border:0;border-radius:.5rem;padding:0 1.1rem;height:2.4rem;cursor:pointer}
.hint{background:var(--tag);border-radius:.5rem;padding:.6rem .9rem}
.lane{margin:1.5rem 0}
.lane h2{font-size:1.2rem;margin:0}
.lane .number{color:var(--soft);font-weight:400}
.lane .intro{margin:.1rem 0 .7rem;font-size:.95rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:.9rem;list-style:none;margin:0;padding:0}
.card{background:var(--paper);border:1px solid var(--line);border-radius:.75rem;padding:.9rem 1rem}
.signups .card{border-top:3px solid var(--signup)}
.used .card{border-top:3px solid var(--active)}
.integrated .card{border-top:3px solid var(--integrated)}
.opened .card{border-top:3px solid var(--visited)}
.cardhead{display:flex;justify-content:space-between;gap:.5rem;align-items:start}
.card h3{font-size:1.05rem;margin:0}
.card h3 a{color:var(--ink);text-decoration:none}
.card h3 a:hover{text-decoration:underline}
.card p{margin:.15rem 0}
.count{font-weight:600}
.stages{display:block;width:100%;height:.6rem;border-radius:.3rem;margin:.45rem 0 .2rem;background:var(--line)}
.stages .visited{fill:var(--visited)}.stages .guest{fill:var(--guest)}.stages .signup{fill:var(--signup)}.stages .active{fill:var(--active)}.stages .integrated{fill:var(--integrated)}
.stagewords{color:var(--soft);font-size:.85rem}
.history{width:62px;height:20px;flex:none}
.history .then{fill:var(--visited)}.history .now{fill:var(--accent)}
.badges{display:flex;flex-wrap:wrap;gap:.35rem;margin-top:.5rem!important}
.card .badge,.agents .badge{font-size:.8rem;border-radius:1rem;padding:.1rem .6rem;background:var(--tag);color:var(--ink)}
.card .badge.signup{background:var(--mark);color:var(--mark-ink)}
.card .badge.new,.agents .badge.ok{background:var(--ok-ground);color:var(--ok)}
.agents .badge.silent{background:var(--bad-ground);color:var(--bad)}
.empty{background:var(--paper);border:1px dashed var(--soft);border-radius:.75rem;padding:2rem;text-align:center}
.empty h2{margin:0}
.narrow section{background:var(--paper);border:1px solid var(--line);border-radius:.75rem;padding:1rem 1.25rem;margin:1rem 0}
.narrow section.first{border-left:4px solid var(--signup)}
.narrow section h2{font-size:1.1rem;margin:0 0 .5rem}
.evidence,.record{margin:.3rem 0;padding-left:1.4rem}
code{font:.9em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
caption{text-align:left;color:var(--soft);padding-bottom:.3rem}
th,td{text-align:left;padding:.35rem .6rem;border-top:1px solid var(--line);font-weight:400;vertical-align:middle}
thead th{font-weight:600;border-top:0;color:var(--soft);font-size:.9rem}
.weeksbar svg{width:100%;min-width:8rem;height:.6rem;display:block}
.weeksbar rect{fill:var(--accent)}
.weeksbar td:nth-child(2){width:60%}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.scroll{overflow-x:auto;background:var(--paper);border:1px solid var(--line);border-radius:.75rem;margin-top:1rem}
.agents td,.agents th{white-space:nowrap}
.bottom{border-top:1px solid var(--line);color:var(--soft);font-size:.9rem;padding:1rem 0 2rem}
.bottom .wide{display:flex;justify-content:space-between;gap:1rem;flex-wrap:wrap}
.bottom p{margin:0;max-width:48rem}
@media print{.top,.bottom,.weeks,.filter,.skip{display:none}}
)";
  return all;
}

}  // namespace gnomon::web
