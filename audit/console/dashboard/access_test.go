package dashboard_test

// accessible holds a page against what those rely on who use it with a screen
// reader, a keyboard, a small screen or poor sight.
func (b *tab) accessible(view string) {
	b.t.Helper()
	for _, fault := range eval[[]string](b, accessibility) {
		b.t.Errorf("%s: %s", view, fault)
	}
}

const accessibility = `(() => {
	const faults = [];
	const say = (what, e) => faults.push(what + (e ? ': ' + e.outerHTML.slice(0, 160) : ''));
	const visible = (e) => e.checkVisibility({checkOpacity: true, visibilityProperty: true}) && e.getClientRects().length > 0;
	const all = (selector) => [...document.querySelectorAll(selector)];

	// The page.
	if (!document.documentElement.lang) say('no language');
	if (!document.title) say('no title');
	for (const [selector, want] of [['main', 1], ['h1', 1], ['header', 1], ['footer', 1]]) {
		if (all(selector).length !== want) say(all(selector).length + ' of ' + selector);
	}
	const ids = all('[id]').map((e) => e.id);
	for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) say('id twice ' + id);
	for (const e of all('nav')) if (!e.getAttribute('aria-label')) say('nav without a name', e);
	let level = 0;
	for (const h of all('h1, h2, h3, h4').filter((e) => e.checkVisibility())) {
		const n = Number(h.tagName[1]);
		if (n > level + 1) say('heading skips from ' + level, h);
		if (!h.innerText.trim()) say('empty heading', h);
		level = n;
	}
	const inLandmark = (e) => e.closest('header, main, footer, nav, a.skip');
	for (const e of document.body.children) if (visible(e) && !inLandmark(e)) say('outside of landmarks', e);

	// Names.
	const nameOf = (e) => {
		const by = (e.getAttribute('aria-labelledby') || '').split(' ').filter(Boolean).map((id) => document.getElementById(id)?.innerText).join(' ');
		return (e.getAttribute('aria-label') || by || [...(e.labels || [])].map((l) => l.textContent).join(' ') || e.innerText || e.textContent || e.querySelector?.('img')?.alt || '').trim();
	};
	for (const e of all('a[href], button, input:not([type=hidden]), select, summary, [role=img]')) {
		if (!e.hidden && !nameOf(e)) say('no name', e);
	}
	for (const e of all('img')) if (!e.hasAttribute('alt')) say('no alternative text', e);
	for (const e of all('[aria-labelledby], [aria-describedby]')) {
		for (const a of ['aria-labelledby', 'aria-describedby']) {
			for (const id of (e.getAttribute(a) || '').split(' ').filter(Boolean)) if (!document.getElementById(id)) say(a + ' names nothing', e);
		}
	}
	for (const t of all('table')) {
		for (const th of t.querySelectorAll('th')) if (!th.scope) say('th without scope', th);
		if (!t.querySelector('thead th')) say('table without headings', t);
	}
	for (const e of all('[role=row]')) if (!e.parentElement.closest('[role=table]')) say('row outside of a table', e);
	for (const e of all('dl > *')) if (!['DIV', 'DT', 'DD'].includes(e.tagName)) say('in a dl', e);
	for (const e of all('ul > *, ol > *')) if (e.tagName !== 'LI') say('in a list', e);

	// Keyboard.
	for (const e of all('[tabindex]')) if (Number(e.getAttribute('tabindex')) > 0) say('order of its own', e);
	for (const e of all('[onclick]')) say('handler in markup', e);

	// Space: what is wider than the page can be scrolled by itself.
	const width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth > width) {
		const widest = all('body *').filter((e) => visible(e) && e.getBoundingClientRect().right > width + 1 && !e.closest('svg, pre, .numbers')).at(-1);
		say('the page is ' + document.documentElement.scrollWidth + ' wide, the window ' + width, widest);
	}
	for (const e of all('button, .button, input:not([type=hidden]), select, summary')) {
		const r = e.getBoundingClientRect();
		if (visible(e) && (r.width < 24 || r.height < 24) && e.tagName !== 'SUMMARY') say('smaller than 24 pixels', e);
	}

	// Contrast, of each text with what is behind it.
	const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
	const rgba = (colour) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
		return [r, g, b, a / 255];
	};
	const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
	const ground = (e) => {
		const layers = [];
		for (let p = e; p; p = p.parentElement) {
			const c = rgba(getComputedStyle(p).backgroundColor);
			layers.push(c);
			if (c[3] === 1) break;
		}
		return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
	};
	const luminance = ([r, g, b]) => {
		const f = (c) => ((c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
		return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
	};
	const contrast = (a, b) => {
		const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
		return (x + 0.05) / (y + 0.05);
	};
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	const seen = new Set();
	for (let n = walker.nextNode(); n; n = walker.nextNode()) {
		const e = n.parentElement;
		if (!n.data.trim() || seen.has(e) || !visible(e) || e.closest('.hidden, .skip, [disabled], option, title')) continue;
		seen.add(e);
		const style = getComputedStyle(e);
		const behind = ground(e.closest('svg') ? e.closest('svg').parentElement : e);
		const colour = over(rgba(e.closest('svg') ? style.fill : style.color), behind);
		const ratio = contrast(colour, behind);
		if (ratio < 4.5) say('contrast ' + ratio.toFixed(2), e);
	}
	for (const e of all('input:not([type=hidden]), select, button')) {
		if (!visible(e) || e.disabled || e.className === 'quiet') continue;
		const style = getComputedStyle(e);
		const behind = ground(e.parentElement);
		const edge = Math.max(contrast(over(rgba(style.borderTopColor), behind), behind), contrast(ground(e), behind));
		if (edge < 3) say('edge contrast ' + edge.toFixed(2), e);
	}
	return [...new Set(faults)].slice(0, 20);
})()`
