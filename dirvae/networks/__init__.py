"""Networks: layers, encoder, decoder and the classifier's heads."""
