"""The maker's database: references, their images, and what builds left. Read `catalogue` first."""
