"""Words, menus and buttons, alike everywhere in the picker."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets as ipw

_LABEL = "4.5em"


def dropdown(
    label: str, options: Sequence[Any], tip: str = "", width: str = "18em"
) -> ipw.Dropdown:
    """A menu with its label."""
    return ipw.Dropdown(
        description=label, options=options, tooltip=tip or label,
        layout={"width": width}, style={"description_width": _LABEL},
    )  # fmt: skip


def date_picker(label: str, tip: str) -> ipw.DatePicker:
    """A day with its label."""
    return ipw.DatePicker(
        description=label, tooltip=tip,
        layout={"width": "18em"}, style={"description_width": _LABEL},
    )  # fmt: skip


def button(label: str, tip: str, *, style: str = "", width: str = "auto") -> ipw.Button:
    """A button that says what it does."""
    return ipw.Button(description=label, tooltip=tip, button_style=style, layout={"width": width})


def hbox(*widgets: ipw.Widget) -> ipw.HBox:
    """Side by side, on more lines where it is narrow."""
    return ipw.HBox(list(widgets), layout={"flex_flow": "row wrap", "grid_gap": "2px"})


def heading(text: str) -> ipw.HTML:
    """What the next part is for."""
    return ipw.HTML(f"<strong>{html.escape(text)}</strong>")


def text_html(text: str) -> str:
    """Words that are there to be read."""
    return f"<div>{html.escape(text)}</div>"


def status_html(text: str) -> str:
    """A status, read out by screen readers when it changes."""
    return f'<div role="status" aria-live="polite">{html.escape(text)}</div>'


def alert_html(text: str) -> str:
    """A status that asks for attention."""
    colour = "var(--jp-error-color0, #b71c1c)"
    return f'<div role="alert" style="color: {colour}">{html.escape(text)}</div>'


# The clipboard is there only on https and localhost: elsewhere the old command has to do.
_COPY = """
const code = this.previousElementSibling;
const say = text => { this.textContent = text; setTimeout(() => this.textContent = 'Copy', 2000); };
const select = () => {
  getSelection().selectAllChildren(code);
  say(document.execCommand('copy') ? 'Copied' : 'Press Ctrl+C');
};
const clipboard = navigator.clipboard;
clipboard ? clipboard.writeText(code.textContent).then(() => say('Copied'), select) : select();
"""


def code_block(code: str) -> str:
    """Code to copy: by the button, or selected by one click."""
    return (
        '<div style="display: flex; gap: 8px; align-items: flex-start">'
        '<pre role="region" aria-label="The same in Python" tabindex="0" '
        'style="user-select: all; margin: 0; padding: 4px 8px; line-height: 1.4; '
        "background: var(--jp-cell-editor-background, #f5f5f5); white-space: pre-wrap"
        f'">{html.escape(code)}</pre>'
        '<button type="button" class="jupyter-button" style="flex: none" '
        f'onclick="{html.escape(" ".join(_COPY.split()))}">Copy</button></div>'
    )


def close_tree(widget: ipw.Widget) -> None:
    """Close a widget and all that it is made of."""
    for name in ("children", "layout", "style"):
        part = getattr(widget, name, None)
        for each in part if isinstance(part, tuple) else [part]:
            if isinstance(each, ipw.Widget) and each.comm is not None:
                close_tree(each)
    ipw.Widget.close(widget)
