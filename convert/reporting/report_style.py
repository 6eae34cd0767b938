"""The style sheet of a report, for light, dark and print."""

# The colours of decisions also differ in lightness, for readers who cannot tell red from green. Print keeps the
# backgrounds, because the bars would be white without them.
RULES = """
:root { color-scheme: light dark; --ink: #1b1b1b; --soft: #5a5a5a; --paper: #ffffff; --line: #c9c9c9;
  --right: #1b6e3a; --wrong: #b02414; --probably-right: #4fa06c; --probably-wrong: #e0705a;
  --unsure-right: #a5d8b1; --unsure-wrong: #f5bfaa; --unknown: #9a9a9a;
  --drawn: #1f5fa8; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececec; --soft: #a9a9a9; --paper: #161616; --line: #484848;
  --right: #56c47f; --wrong: #ff7a64; --probably-right: #338752; --probably-wrong: #c25544;
  --unsure-right: #1d5231; --unsure-wrong: #773628; --unknown: #6d6d6d;
  --drawn: #7fb2f0; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 75rem; margin: 0 auto; padding: 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-top: 2px solid var(--line); padding-top: 1rem; }
h3 { margin-top: 2rem; }
.headline { list-style: none; margin: 1rem 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 13rem), 1fr)); }
.headline li { border: 1px solid var(--line); border-top: .3rem solid var(--unknown); border-radius: .4rem;
  padding: .6rem .9rem; }
.headline .good { border-top-color: var(--right); } .headline .probable { border-top-color: var(--probably-right); }
.headline .bad { border-top-color: var(--wrong); }
.headline b { display: block; font-size: 2rem; line-height: 1.2; } .headline span { color: var(--soft); }
code { background: #8883; border-radius: .25rem; padding: .1em .25em; font-size: .9em; }
summary { cursor: pointer; margin: 1rem 0; }
li, p, dd { overflow-wrap: break-word; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .3rem; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: right; vertical-align: bottom; }
th[scope=row], thead th:first-child { text-align: left; min-width: 12rem; }
td { white-space: nowrap; }
.bar { display: block; width: 9rem; height: .8rem; }
.bar, rect { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.right { fill: var(--right); } .wrong { fill: var(--wrong); } .probably-right { fill: var(--probably-right); }
.probably-wrong { fill: var(--probably-wrong); } .unsure-right { fill: var(--unsure-right); }
.unsure-wrong { fill: var(--unsure-wrong); } .unknown { fill: var(--unknown); }
.diagrams { display: flex; flex-wrap: wrap; gap: 1.5rem; }
.diagrams figure { margin: 0; flex: 1 1 16rem; max-width: 22rem; } .diagram { width: 100%; }
.diagram text { fill: var(--soft); }
.frame { fill: none; stroke: var(--line); } .ideal { stroke: var(--soft); stroke-dasharray: 4 4; }
.gap { stroke: var(--drawn); stroke-width: 1.5; } .dot { fill: var(--drawn); }
.curve { fill: none; stroke: var(--drawn); stroke-width: 2; }
figcaption, .method, .cards p, .cards dl { color: var(--soft); font-size: .875rem; }
.cards dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 .6rem; margin: .6rem 0; }
.cards dd { margin: 0; color: var(--ink); min-width: 0; overflow-wrap: anywhere; }
.cards { list-style: none; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); }
.cards li { border: 1px solid var(--line); border-radius: .4rem; padding: .6rem; break-inside: avoid; }
.cards p { margin: .4rem 0 0; }
.side-by-side { display: flex; gap: .5rem; } .side-by-side figure { margin: 0; flex: 1 1 0; min-width: 0; }
.side-by-side img, .no-picture { width: 100%; height: 8rem; object-fit: contain; }
.no-picture { display: flex; align-items: center; justify-content: center; text-align: center; color: var(--soft);
  border: 1px dashed var(--line); box-sizing: border-box; font-size: .8rem; }
@media screen and (max-width: 68rem) { .wide { overflow: visible; }
  table, caption, tbody, tr, th, td { display: block; } thead { display: none; }
  tr { border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .7rem; margin-bottom: .7rem; }
  th[scope=row], td { border: 0; padding: .15rem 0; }
  td { display: flex; gap: 1rem; justify-content: space-between; align-items: center; white-space: normal; }
  td::before { content: attr(data-heading); color: var(--soft); white-space: normal; text-align: left; } }
@media print { @page { margin: 12mm; } main { max-width: none; padding: 0; } .wide { overflow: visible; }
  .diagrams { flex-wrap: nowrap; gap: .5rem; } table { font-size: .55rem; } th, td { padding: .1rem .2rem; }
  .bar { width: 4rem; } }
"""
