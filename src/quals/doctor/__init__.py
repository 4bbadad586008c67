"""The command `quals doctor`."""

from quals.doctor.command import HELP, add_arguments, run
from quals.doctor.inventory import examine

__all__ = ["HELP", "add_arguments", "examine", "run"]
