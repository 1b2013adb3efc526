from .src.models import *
from .src.utils import *


def load_model(filename, model, data_type):
    path = "scheduler/BaGTI/checkpoints/" + filename + "_Trained.ckpt"
    if os.path.exists(path):
        model.load_state_dict(torch.load(path)["model_state_dict"])
    else:
        print("Creating new model: " + model.name)
    return model, None, -1, []
