"""What people ask and the documents do not say, put together by subject."""
