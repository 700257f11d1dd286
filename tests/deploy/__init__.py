"""What deploys RAGLoop: the compose file, the images, monitoring, and how vLLM is started."""
