"""One definition per feature, two drivers: batch and stream."""
