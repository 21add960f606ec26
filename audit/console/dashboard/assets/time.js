// Times in the viewer's zone, in the form that the server writes them in UTC, so
// that nothing moves. UTC stands in the title.
'use strict';

const gatepost = (() => {
  const two = (n) => String(n).padStart(2, '0');
  const three = (n) => String(n).padStart(3, '0');
  const utcOf = (d) => d.toISOString().slice(0, 23).replace('T', ' ');
  const localOf = (d) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ` +
    `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${three(d.getMilliseconds())}`;

  // moment writes a time into a <time> element.
  function moment(element, iso) {
    const d = new Date(iso);
    if (Number.isNaN(d.getTime())) return;
    element.dateTime = iso;
    const length = 'short' in element.dataset ? 19 : 23;
    element.textContent = localOf(d).slice(0, length);
    element.title = utcOf(d) + ' UTC';
  }

  function localize(root) {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'local';
    for (const e of root.querySelectorAll('time[datetime]')) moment(e, e.dateTime);
    for (const e of root.querySelectorAll('[data-zone]')) e.textContent = `(${zone})`;
    for (const e of root.querySelectorAll('text[data-time]')) {
      const d = new Date(e.dataset.time);
      if ('day' in e.dataset) e.textContent = `${two(d.getMonth() + 1)}-${two(d.getDate())}`;
      else e.textContent = `${two(d.getHours())}:${two(d.getMinutes())}`;
    }
  }

  localize(document);
  return { moment, localize };
})();
