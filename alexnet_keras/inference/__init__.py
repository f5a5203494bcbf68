"""Any model file as a function from images to probabilities, and what is measured with it."""
