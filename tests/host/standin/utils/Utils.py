from .ColorUtils import *
