"""`make api-check`: thousands of requests made up from the API description, to the real service."""
