/* Draws the charts from the data in the page, and sorts tables. Nothing is loaded from anywhere. */
(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("data").textContent);
  var charts = [], media = window.matchMedia("(prefers-color-scheme: dark)");

  function ink(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

  /* Whole numbers, each as the difference from the one before, in units of `unit`. */
  function sums(deltas, unit) {
    var out = new Float64Array(deltas.length), total = 0;
    for (var i = 0; i < deltas.length; i++) { total += deltas[i]; out[i] = total * unit; }
    return out;
  }
  function line(series) { return [sums(series.t, series.tick), sums(series.v, Math.pow(10, -series.decimals))]; }

  function grouped(value, decimals) {
    return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  }
  function when(seconds) {
    if (seconds == null) return "";
    var text = new Date(Math.round(seconds * 1000)).toISOString().replace("T", " ");
    return text.slice(11, 19) === "00:00:00" ? text.slice(0, 10) : text.slice(0, 16);
  }

  /* The legend shows the last point until a point is pointed at. */
  function value(format) {
    return function (u, v, series, index) {
      var values = u.data[series];
      return format(index == null ? values[values.length - 1] : v);
    };
  }

  /* As many decimals as the distance of two ticks needs. */
  function ticks(factor, unit) {
    return function (u, splits) {
      var step = splits.length > 1 ? Math.abs(splits[1] - splits[0]) * factor : 1;
      var decimals = Math.min(Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)), 9);
      return splits.map(function (v) { return grouped(v * factor, decimals) + unit; });
    };
  }
  /* Times by the 24-hour clock; the date, or the year, where it changes. */
  function moments(u, splits, axis, space, step) {
    var before = "";
    return splits.map(function (seconds) {
      var iso = new Date(Math.round(seconds * 1000)).toISOString(), big, small;
      if (step >= 31536000) return iso.slice(0, 4);
      if (step >= 86400) { big = iso.slice(0, 4); small = step >= 2419200 ? iso.slice(5, 7) : iso.slice(5, 10); }
      else { big = iso.slice(0, 10); small = iso.slice(11, step >= 60 ? 16 : step >= 1 ? 19 : 23); }
      var text = big === before ? small : small + "\n" + big;
      before = big;
      return text;
    });
  }

  function axes(format, size) {
    var common = {
      stroke: function () { return ink("--soft"); }, font: "12px " + getComputedStyle(document.body).fontFamily,
      grid: { stroke: function () { return ink("--line"); }, width: 1 }, ticks: { stroke: function () { return ink("--line"); }, width: 1 }
    };
    return [Object.assign({ values: moments, space: 64 }, common), Object.assign({ size: size, values: format }, common)];
  }

  function chart(target, columns, options) {
    var box = document.getElementById(target);
    if (!box || !columns[0].length) return null;
    var made = new uPlot({
      width: box.clientWidth, height: options.height, legend: { live: true },
      cursor: { sync: { key: "time" }, focus: { prox: 30 }, points: { size: 6 } },
      tzDate: function (seconds) { return uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"); },
      padding: [10, 10, 0, 0],
      scales: { y: { range: options.range } },
      axes: axes(options.axis, options.size || 84),
      series: [
        { label: "Time (UTC)", value: value(when) },
        {
          label: options.label, width: 1.5, stroke: function () { return ink(options.stroke); },
          fill: options.fill ? function () { return ink(options.fill); } : undefined, fillTo: options.fillTo,
          points: { show: columns[0].length < 3 }, value: value(function (v) { return v == null ? "" : options.value(v); })
        }
      ],
      hooks: { draw: options.draw ? [options.draw] : [] }
    }, columns, box);
    charts.push({ plot: made, box: box, height: options.height });
    return made;
  }

  /* 0 buy that opens, 1 sell that opens, 2 buy that closes, 3 sell that closes */
  function marks(price) {
    var times = sums(price.fills.t, price.fills.tick), values = sums(price.fills.v, Math.pow(10, -price.decimals));
    return function (u) {
      var c = u.ctx, r = window.devicePixelRatio || 1, s = 5 * r, b = u.bbox;
      c.save();
      c.beginPath(); c.rect(b.left, b.top, b.width, b.height); c.clip();
      c.lineWidth = 1.5 * r;
      for (var i = 0; i < times.length; i++) {
        if (times[i] < u.scales.x.min || times[i] > u.scales.x.max) continue;
        var kind = price.fills.k[i], up = kind % 2 === 0, opens = kind < 2;
        var x = u.valToPos(times[i], "x", true), y = u.valToPos(values[i], "y", true), d = up ? s : -s;
        c.beginPath();
        c.moveTo(x, y); c.lineTo(x - s * .8, y + 1.6 * d); c.lineTo(x + s * .8, y + 1.6 * d); c.closePath();
        c.strokeStyle = c.fillStyle = ink(up ? "--buy" : "--sell");
        if (opens) { c.fill(); } else { c.fillStyle = ink("--card"); c.fill(); }
        c.stroke();
      }
      c.restore();
    };
  }

  function padded(u, low, high) {
    var pad = (high - low) * .06 || Math.abs(high) * .01 || 1;
    return [low - pad, high + pad];
  }

  var shown = null;
  function price(index) {
    var item = data.prices[index], box = document.getElementById("price");
    if (!item || !box) return;
    if (shown) { shown.destroy(); charts = charts.filter(function (entry) { return entry.plot !== shown; }); }
    var digits = item.decimals;
    shown = chart("price", line(item), {
      height: 320, label: item.symbol, stroke: "--soft", range: padded, draw: marks(item),
      axis: ticks(1, ""),
      value: function (v) { return grouped(v, digits); }
    });
    document.getElementById("price-note").textContent = item.note;
    box.setAttribute("aria-label", item.text);
  }

  function draw() {
    if (data.equity) {
      chart("equity", line(data.equity), {
        height: 300, label: "Equity, " + data.currency, stroke: "--accent", fill: "--area", range: padded,
        fillTo: function (u) { return u.scales.y.min; },
        axis: ticks(1, ""),
        value: function (v) { return grouped(v, Math.max(2, data.equity.decimals)); }
      });
    }
    if (data.drawdown) {
      chart("drawdown", line(data.drawdown), {
        height: 180, label: "Drawdown", stroke: "--fall", fill: "--fall-area", fillTo: function () { return 0; },
        range: function (u, low) { return [Math.min(low * 1.06, -.001), 0]; },
        axis: ticks(100, " %"),
        value: function (v) { return grouped(v * 100, 2) + " %"; }
      });
    }
    var select = document.getElementById("instrument");
    if (data.prices.length) price(select ? select.selectedIndex : 0);
    if (select) select.addEventListener("change", function () { price(select.selectedIndex); });
  }

  function resize() {
    charts.forEach(function (entry) {
      var width = entry.box.clientWidth;
      if (width > 0 && width !== entry.plot.width) entry.plot.setSize({ width: width, height: entry.height });
    });
  }
  function repaint() { charts.forEach(function (entry) { entry.plot.redraw(false); }); }

  function sort(button) {
    var head = button.closest("th"), table = head.closest("table"), body = table.tBodies[0];
    var column = Array.prototype.indexOf.call(head.parentNode.children, head);
    var rising = head.getAttribute("aria-sort") !== "ascending";
    Array.prototype.forEach.call(head.parentNode.children, function (other) { other.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    var rows = Array.prototype.slice.call(body.rows).map(function (row, place) {
      var cell = row.cells[column], number = cell.getAttribute("data-v");
      return { row: row, place: place, key: number === null ? cell.textContent : Number(number) };
    });
    rows.sort(function (a, b) {
      var order = a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
      return (rising ? order : -order) || a.place - b.place;
    });
    rows.forEach(function (item) { body.appendChild(item.row); });
  }

  draw();
  window.addEventListener("resize", function () { if (!document.documentElement.hasAttribute("data-print")) resize(); });
  window.addEventListener("beforeprint", function () {
    document.documentElement.setAttribute("data-print", "");
    charts.forEach(function (entry) { entry.plot.setSize({ width: Math.min(entry.plot.width, 640), height: entry.height }); });
  });
  window.addEventListener("afterprint", function () {
    document.documentElement.removeAttribute("data-print");
    resize();
  });
  if (media.addEventListener) media.addEventListener("change", repaint);
  document.querySelectorAll("th button").forEach(function (button) {
    button.addEventListener("click", function () { sort(button); });
  });
  document.documentElement.setAttribute("data-drawn", String(charts.length));
})();
