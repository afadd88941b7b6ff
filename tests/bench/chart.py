# SPDX-License-Identifier: ISC
"""A bar chart as SVG."""
from html import escape

ROW, BAR, LABEL, WIDTH = 26, 18, 190, 720
COLOURS = {"hookspool": "#1a7f5a", "empty": "#9aa5b1", "nginx": "#9aa5b1"}


def colour(name):
    return next((c for start, c in COLOURS.items() if name.startswith(start)), "#c2703d")


def bars(title, values):
    """One bar a value, the highest first; hookspool's, the limits' and the others' in colours of their own."""
    top, rows = max(values.values()), []
    for i, (name, value) in enumerate(sorted(values.items(), key=lambda item: -item[1])):
        y, width = 44 + i * ROW, max(1, value / top * (WIDTH - LABEL - 90))
        rows.append(f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
                    f'<rect x="{LABEL}" y="{y}" width="{width:.0f}" height="{BAR}" fill="{colour(name)}"/>'
                    f'<text x="{LABEL + width + 6:.0f}" y="{y + 13}">{value:,.0f}</text>')
    height = 44 + len(values) * ROW + 8
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
            f' font-family="sans-serif" font-size="13" fill="#222"><rect width="100%" height="100%" fill="#fff"/>'
            f'<text x="12" y="24" font-size="15" font-weight="bold">{escape(title)}</text>\n' + "\n".join(rows) + "\n</svg>\n")
