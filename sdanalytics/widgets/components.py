"""Menus, buttons, messages and code blocks that look alike everywhere in the picker."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, Final

import ipywidgets as ipw

_CODE_LABEL: Final = "The same in Python"


def dropdown(label: str, options: Sequence[Any], tooltip: str = "") -> ipw.Dropdown:
    """Create a menu below its label, as wide as its longest option."""
    return _as_field(ipw.Dropdown(description=label, options=options, tooltip=tooltip or label))


def date_picker(label: str, tooltip: str) -> ipw.DatePicker:
    """Create a date field below its label."""
    return _as_field(ipw.DatePicker(description=label, tooltip=tooltip, layout={"width": "118px"}))


def text_field(label: str, placeholder: str, tooltip: str, width: str, **options: Any) -> ipw.Text:
    """Create a text field below its label."""
    return _as_field(
        ipw.Text(
            description=label,
            placeholder=placeholder,
            tooltip=tooltip,
            layout={"width": width},
            **options,
        )
    )


def checkbox(label: str, tooltip: str, *, value: bool) -> ipw.Checkbox:
    """Create a checkbox."""
    return ipw.Checkbox(
        value=value,
        description=label,
        tooltip=tooltip,
        indent=False,
        layout={"width": "auto"},
    )


def button(label: str, tooltip: str, *, style: str = "") -> ipw.Button:
    """Create a button with a tooltip."""
    return ipw.Button(
        description=label,
        tooltip=tooltip,
        button_style=style,
        layout={"width": "auto"},
    )


def toggle_button(label: str, tooltip: str) -> ipw.ToggleButton:
    """Create a button that stays pressed until it is pressed again."""
    return ipw.ToggleButton(description=label, tooltip=tooltip, layout={"width": "auto"})


def hbox(*widgets: ipw.Widget) -> ipw.HBox:
    """Place widgets side by side, wrapped onto more lines where there is little room."""
    row = ipw.HBox(list(widgets))
    row.add_class("sdanalytics-row")
    return row


def words_beside(*lines: ipw.HTML) -> ipw.VBox:
    """Place lines of text below each other, beside buttons."""
    column = ipw.VBox(list(lines))
    column.add_class("sdanalytics-words")
    return column


def joined_buttons(*buttons: ipw.Button) -> ipw.HBox:
    """Place buttons that belong together without room between them."""
    group = ipw.HBox(list(buttons))
    group.add_class("sdanalytics-joined")
    return group


def show_widget(widget: ipw.DOMWidget, *, is_shown: bool) -> None:
    """Show a widget, or take it out of the page."""
    widget.layout.display = None if is_shown else "none"


def text_html(text: str) -> str:
    """Return plain text as HTML; nothing for an empty text."""
    if text:
        return f"<div>{html.escape(text)}</div>"
    return ""


def status_html(text: str) -> str:
    """Return a status, which screen readers read out when it changes."""
    return f'<div role="status" aria-live="polite">{html.escape(text)}</div>'


def warning_html(text: str) -> str:
    """Return a warning, which screen readers read out when it appears."""
    return (
        '<div role="status" aria-live="polite" class="sdanalytics-warning">'
        f"<strong>Mind:</strong> {html.escape(text)}</div>"
    )


def alert_html(text: str) -> str:
    """Return an error message, which screen readers read out at once."""
    return f'<div role="alert" class="sdanalytics-alert">{html.escape(text)}</div>'


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
        '<div class="sdanalytics-code">'
        f'<pre role="region" aria-label="{_CODE_LABEL}" tabindex="0">'
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


def _as_field(field: ipw.Widget) -> ipw.Widget:
    field.add_class("sdanalytics-field")
    return field
