"""The figures that the documents quote; each module prints its own."""
