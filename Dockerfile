# docker build --tag registry.example/alexnet-keras .
FROM python:3.12-slim

# A GPU image needs TensorFlow's CUDA libraries: docker build --build-arg TENSORFLOW='tensorflow[and-cuda]' .
ARG TENSORFLOW=tensorflow

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY alexnet_keras ./alexnet_keras
RUN pip install --no-cache-dir "$TENSORFLOW" '.[fast]' && rm -rf /src/*

# Runs are written to saved_models/ in this folder; mount a volume here or pass --run.
WORKDIR /runs
CMD ["alexnet-keras", "--help"]
