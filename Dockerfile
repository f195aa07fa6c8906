FROM node:22-slim AS frontend
WORKDIR /src/frontend
COPY frontend/package.json frontend/package-lock.json ./
COPY frontend/client/package.json client/
RUN npm ci --no-audit --no-fund
COPY frontend/ ./
COPY locale/ ../locale/
RUN npm run build

FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/slackclone
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY manage.py ./
COPY slackclone slackclone
COPY apps apps
COPY templates templates
COPY locale locale
COPY static static
COPY --from=frontend /src/static/dist static/dist
RUN useradd --create-home slackclone && mkdir var && chown slackclone var
USER slackclone
EXPOSE 8000
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0"]
