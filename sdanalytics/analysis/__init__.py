"""Figures computed from frames: KPIs, summaries, comparisons."""
