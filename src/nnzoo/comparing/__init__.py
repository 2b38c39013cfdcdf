"""The fair race: which kinds may start, how the budget is shared, plain baselines beside them, intervals, a verdict, a report."""
