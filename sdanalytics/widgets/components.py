"""Menus, buttons, messages and code blocks that look alike everywhere in the picker."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, Final

import ipywidgets as ipw

_LABEL_WIDTH: Final = "4.5em"
_DATE_WIDTH: Final = "18em"
_CODE_LABEL: Final = "The same in Python"
_CODE_STYLE: Final = (
    "user-select: all; margin: 0; padding: 4px 8px; line-height: 1.4; "
    "background: var(--jp-cell-editor-background, #f5f5f5); white-space: pre-wrap"
)


def dropdown(
    label: str, options: Sequence[Any], tooltip: str = "", width: str = "18em"
) -> ipw.Dropdown:
    """Create a menu with its label."""
    return ipw.Dropdown(
        description=label,
        options=options,
        tooltip=tooltip or label,
        layout={"width": width},
        style={"description_width": _LABEL_WIDTH},
    )


def date_picker(label: str, tooltip: str) -> ipw.DatePicker:
    """Create a date field with its label."""
    return ipw.DatePicker(
        description=label,
        tooltip=tooltip,
        layout={"width": _DATE_WIDTH},
        style={"description_width": _LABEL_WIDTH},
    )


def checkbox(label: str, tooltip: str) -> ipw.Checkbox:
    """Create a checkbox that is ticked."""
    return ipw.Checkbox(
        value=True,
        description=label,
        tooltip=tooltip,
        indent=False,
        layout={"width": "10em"},
    )


def button(label: str, tooltip: str, *, style: str = "", width: str = "auto") -> ipw.Button:
    """Create a button with a tooltip."""
    return ipw.Button(
        description=label,
        tooltip=tooltip,
        button_style=style,
        layout={"width": width},
    )


def hbox(*widgets: ipw.Widget) -> ipw.HBox:
    """Place widgets side by side, wrapped onto more lines where there is little room."""
    return ipw.HBox(
        list(widgets),
        layout={"flex_flow": "row wrap", "grid_gap": "2px"},
    )


def heading(text: str) -> ipw.HTML:
    """Create the heading of a section."""
    return ipw.HTML(f"<strong>{html.escape(text)}</strong>")


def text_html(text: str) -> str:
    """Return plain text as HTML."""
    return f"<div>{html.escape(text)}</div>"


def status_html(text: str) -> str:
    """Return a status, which screen readers read out when it changes."""
    return f'<div role="status" aria-live="polite">{html.escape(text)}</div>'


def alert_html(text: str) -> str:
    """Return an error message, which screen readers read out at once."""
    color = "var(--jp-error-color0, #b71c1c)"
    return f'<div role="alert" style="color: {color}">{html.escape(text)}</div>'


# Browsers offer the clipboard on https and localhost only; elsewhere the old command is used.
_COPY_SCRIPT: Final = """
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
    """Return code as HTML that one click selects, with a button that copies it."""
    script = " ".join(_COPY_SCRIPT.split())
    return (
        '<div style="display: flex; gap: 8px; align-items: flex-start">'
        f'<pre role="region" aria-label="{_CODE_LABEL}" tabindex="0" style="{_CODE_STYLE}">'
        f"{html.escape(code)}</pre>"
        '<button type="button" class="jupyter-button" style="flex: none" '
        f'onclick="{html.escape(script)}">Copy</button></div>'
    )


def close_tree(widget: ipw.Widget) -> None:
    """Close a widget with its children, layout and style."""
    owned = list(getattr(widget, "children", ()))
    for name in ("layout", "style"):
        owned.append(getattr(widget, name, None))
    for child in owned:
        if isinstance(child, ipw.Widget) and child.comm is not None:
            close_tree(child)
    ipw.Widget.close(widget)
