from .launcher import start as start
from .report_store import Report as Report
from .scripting import ScriptedResponse as ScriptedResponse
from .server import Sandbox as Sandbox
from .settings import Settings as Settings

__all__: list[str]
