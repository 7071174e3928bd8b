// Draws a field's season: a band from lowest to highest with the mean in it, or a bar a day where values add up.
// The table below has the same numbers; it is folded away once the chart stands.
(function () {
  "use strict";
  var figure = document.getElementById("chart");
  if (!figure) return;
  var say = figure.dataset;
  var plot = figure.querySelector(".plot");
  var caption = figure.querySelector("figcaption");
  var readout = figure.querySelector(".readout");
  var chart = null;
  figure.hidden = false;

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }
  function failed() {
    caption.textContent = say.failed;
    figure.classList.add("failed");
  }
  function draw(season) {
    var factor = Number(say.factor);
    var shift = season.utcOffset * 60;
    var scaled = function (row) { return row.map(function (value) { return value === null ? null : value * factor; }); };
    // Days are shown by the farm's calendar, not the phone's: shifted, and read as UTC.
    var times = season.times.map(function (time) { return time + shift; });
    var months = new Intl.DateTimeFormat(say.lang, { day: "numeric", month: "short", timeZone: "UTC" });
    var day = function (time) { return months.format(new Date(time * 1000)); };
    var number = function (value) { return value.toFixed(Number(say.decimals)) + " " + say.unit; };
    var ink = colour("soft"), leaf = colour("leaf"), line = colour("line");
    var axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "13px system-ui, sans-serif" };
    var options = {
      width: plot.clientWidth || 320, height: 240, padding: [12, 8, 0, 0], legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { x: { time: false }, y: {} },
      axes: [
        Object.assign({ space: 70, values: function (_, ticks) { return ticks.map(day); }, incrs: [1, 2, 7, 14, 30, 61, 91].map(function (days) { return days * 86400; }) }, axis),
        Object.assign({ size: 52 }, axis)
      ],
      hooks: {}
    };
    var data;
    if (season.sum) {
      data = [times, scaled(season.sum)];
      options.scales.y.range = function (_, low, high) { return [0, Math.max(high, 1) * 1.05]; };
      options.series = [{}, { stroke: leaf, fill: leaf, width: 0, paths: uPlot.paths.bars({ size: [0.8, 24] }), points: { show: false } }];
    } else {
      data = [times, scaled(season.max), scaled(season.min), scaled(season.mean)];
      options.series = [{},
        { stroke: leaf, width: 0.5, points: { show: false } }, { stroke: leaf, width: 0.5, points: { show: false } },
        { stroke: leaf, width: 2.5, points: { show: false } }];
      options.bands = [{ series: [1, 2], fill: colour("leaf-soft") }];
    }
    var last = data[1].length - 1;
    while (last > 0 && data[1][last] === null) last -= 1;
    options.hooks.setCursor = [function (u) {
      var at = u.cursor.idx;
      if (at === null || at === undefined || data[1][at] === null) at = last;
      readout.textContent = day(times[at]) + ": " + (season.sum
        ? say.total + " " + number(data[1][at])
        : say.low + " " + number(data[2][at]) + " · " + say.mean + " " + number(data[3][at]) + " · " + say.high + " " + number(data[1][at]));
    }];
    if (chart) chart.destroy();
    chart = new uPlot(options, data, plot);
    options.hooks.setCursor[0](chart);
  }

  fetch(say.address, { credentials: "same-origin", headers: { Accept: "application/json" } })
    .then(function (answer) {
      if (!answer.ok) throw new Error(String(answer.status));
      return answer.json();
    })
    .then(function (season) {
      draw(season);
      figure.classList.add("ready");
      caption.textContent = "";
      document.querySelector("details.table").open = false;
      window.addEventListener("resize", function () { chart.setSize({ width: plot.clientWidth, height: 240 }); });
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { draw(season); });
    })
    .catch(failed);
})();
