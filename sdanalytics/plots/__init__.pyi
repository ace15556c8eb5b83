from .calendar_heatmap import calendar as calendar
from .coverage_grid import coverage as coverage
from .efficiency_bubbles import efficiency as efficiency
from .figure_data import data as data
from .funnel_dots import funnel as funnel
from .halo_heatmap import halo as halo
from .maturity_lines import maturity as maturity
from .pacing_lines import pacing as pacing
from .top_bars import top as top
from .trend_lines import trend as trend
from .waterfall_bars import waterfall as waterfall

__all__: list[str]
