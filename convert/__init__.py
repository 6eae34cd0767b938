"""From reference images and a model to a pack. Read `packing.pack_building` first."""
