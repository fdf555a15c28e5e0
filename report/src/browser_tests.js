// Runs inside a page of browser_tests.rs: opens what is folded, reads the page with axe, and does what a keyboard does.
"use strict";
addEventListener("load", async () => {
  document.querySelectorAll("details").forEach((folded) => { folded.open = true; });
  await new Promise((done) => setTimeout(done, 50));
  const keyboard = [];
  const plot = document.querySelector(".chart:not(.heatmap, .scatter, .empty) .plot[tabindex]");
  if (plot) {
    plot.focus();
    plot.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
    if (!plot.querySelector(".tip")) keyboard.push("an arrow key reads no value");
    plot.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
    if (plot.querySelector(".tip")) keyboard.push("Escape leaves the values");
  }
  const ladders = [...document.querySelectorAll(".ladder")];
  if (ladders.length > 1) {
    const shown = () => ladders.filter((ladder) => !ladder.hidden).map((ladder) => ladder.id).join();
    if (shown() !== "ladder-0") keyboard.push("at first shown: " + shown());
    location.hash = "#ladder-1";
    await new Promise((done) => setTimeout(done, 50));
    if (shown() !== "ladder-1") keyboard.push("a link to a ladder shows " + shown());
    // A frame without a person before it gets no focus; that the ladder can have it is what can be seen.
    if (ladders[1].tabIndex !== -1 || !ladders[1].hasAttribute("tabindex")) keyboard.push("a link to a ladder cannot go there");
  }
  for (const wide of document.querySelectorAll(".wide")) {
    if ((wide.scrollWidth > wide.clientWidth) !== (wide.tabIndex === 0)) keyboard.push("a table is no stop, or one without need");
  }
  const wider = Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth);
  const read = await axe.run(document, { resultTypes: ["violations"] });
  const violations = read.violations.map((of) => of.id + ": " + of.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(" "));
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  parent.postMessage(JSON.stringify({ width: innerWidth, dark, violations, keyboard, wider }), "*");
});
