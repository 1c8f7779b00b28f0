"""Sequential recommendation with language models: data, models, evaluation and reporting."""

__version__ = "0.1.0"
