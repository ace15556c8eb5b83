from .launcher import start as start
from .products import list_products as list_products
from .report_store import Report as Report
from .scripting import ScriptedResponse as ScriptedResponse
from .server import Sandbox as Sandbox
from .settings import Settings as Settings

__all__: list[str]
