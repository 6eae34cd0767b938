"""Weights of models: files, downloads, licences, random ones. Read `weights_files` first."""
