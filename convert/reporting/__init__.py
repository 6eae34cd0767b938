"""What an evaluation says of a pack: figures with intervals, photos worth a look, and a page that shows both."""
