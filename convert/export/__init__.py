"""From a loaded model to the files that devices run, each proven faithful."""
