"""Adjustments to open_clip, timm and torchvision: their logging, and operators that torchvision needs."""
