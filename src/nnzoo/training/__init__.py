"""The one loop: it alone owns optimisers, schedules, precision, accumulation, clipping, averages, checkpoints and interruption."""
